"use strict";
// Arrays as heat maps: cold below zero, warm above, NaN marked; small ones with their numbers in a table.
const Heat = (() => {
  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const read = (name) => style.getPropertyValue(name).split(",").map(Number);
    return { cold: read("--cold"), warm: read("--warm"), zero: read("--zero") };
  };

  function scale(x) {
    let most = 0;
    for (const v of x.data) if (Number.isFinite(v) && Math.abs(v) > most) most = Math.abs(v);
    return most || 1;
  }

  function colour(v, most, { cold, warm, zero }) {
    if (Number.isNaN(v)) return [200, 40, 200];
    const t = Math.max(-1, Math.min(1, v / most));
    const end = t < 0 ? cold : warm;
    return zero.map((z, i) => Math.round(z + (end[i] - z) * Math.abs(t)));
  }

  function table(x) {
    const shape = x.preview || x.shape;
    const columns = shape.length ? shape[shape.length - 1] : 1;
    return [columns ? x.data.length / columns : 0, columns];
  }

  function paint(canvas, x, tones = colours()) {
    const [rows, columns] = table(x);
    canvas.width = Math.max(1, columns);
    canvas.height = Math.max(1, rows);
    const context = canvas.getContext("2d");
    const picture = context.createImageData(canvas.width, canvas.height);
    const most = scale(x);
    x.data.forEach((v, i) => {
      const [r, g, b] = colour(v, most, tones);
      picture.data.set([r, g, b, 255], 4 * i);
    });
    context.putImageData(picture, 0, 0);
    return canvas;
  }

  const picture = (x, tones) => paint(document.createElement("canvas"), x, tones).toDataURL();

  function place(x, i) {
    if (x.preview) return "";
    const found = [];
    for (let k = x.shape.length - 1, rest = i; k >= 0; k--) {
      found.unshift(rest % x.shape[k]);
      rest = Math.floor(rest / x.shape[k]);
    }
    return `[${found.join(", ")}]`;
  }

  // An element for the array, with a cursor moved by pointer or arrow keys; `chosen(i)` is told where it is.
  function widget(x, label, chosen = () => {}, start = 0) {
    const [rows, columns] = table(x);
    const readout = make("div", { class: "readout" });
    const tell = (i) => `${x.preview ? "preview " : place(x, i)} ${Formula.exact(x.data[i], x.dtype)}`;
    let cursor = Math.min(start, x.data.length - 1);
    const move = (event, go) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      const next = cursor + by;
      if (next >= 0 && next < x.data.length) go(next);
    };
    if (!x.data.length) return make("div", {}, "empty");
    if (x.preview) readout.textContent = `a sample of the ${x.shape.join("\u00d7")} entries`;
    if (x.data.length <= 64 && columns <= 8) {
      const tones = colours();
      const most = scale(x);
      const cells = x.data.map((v, i) => {
        const [r, g, b] = colour(v, most, tones);
        const dark = 0.299 * r + 0.587 * g + 0.114 * b < 140;
        const cell = make("td", { role: "gridcell", tabindex: i === cursor ? "0" : "-1", title: tell(i), "aria-label": tell(i) },
          Formula.entry(v, x.dtype, Formula.brief));
        cell.style.background = `rgb(${r}, ${g}, ${b})`;
        cell.style.color = dark ? "#fff" : "#111";
        cell.addEventListener("focus", () => {
          cells[cursor].tabIndex = -1;
          cursor = i;
          cell.tabIndex = 0;
          readout.textContent = tell(i);
          chosen(i);
        });
        cell.addEventListener("click", () => cell.focus());
        return cell;
      });
      const lines = [];
      for (let r = 0; r < rows; r++) lines.push(make("tr", { role: "row" }, ...cells.slice(r * columns, (r + 1) * columns)));
      const grid = make("table", { class: "grid", role: "grid", "aria-label": label }, make("tbody", { role: "rowgroup" }, ...lines));
      grid.addEventListener("keydown", (event) => move(event, (i) => cells[i].focus()));
      return make("div", {}, make("div", { class: "gridbox" }, grid), readout);
    }
    const canvas = paint(make("canvas", { class: "heat", tabindex: "0", role: "img" }), x);
    const name = () => `${label}, ${Formula.summary(x)}; arrow keys read entries: ${tell(cursor)}`;
    canvas.setAttribute("aria-label", name());
    const cell = Math.max(2, Math.min(18, Math.floor(320 / columns), Math.max(2, Math.floor(240 / rows))));
    canvas.style.width = `${Math.min(340, columns * cell)}px`;
    canvas.style.height = `${Math.max(14, rows * cell)}px`;
    const go = (i) => {
      cursor = i;
      readout.textContent = tell(i);
      canvas.setAttribute("aria-label", name());
      chosen(i);
    };
    const under = (event) => {
      const box = canvas.getBoundingClientRect();
      const c = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * columns)));
      const r = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * rows)));
      return r * columns + c;
    };
    canvas.addEventListener("pointermove", (event) => { readout.textContent = tell(under(event)); });
    canvas.addEventListener("click", (event) => go(under(event)));
    canvas.addEventListener("keydown", (event) => move(event, go));
    canvas.addEventListener("focus", () => { readout.textContent = tell(cursor); });
    readout.setAttribute("aria-live", "polite");
    return make("div", {}, canvas, readout);
  }

  return { picture, widget, colours, place };
})();
