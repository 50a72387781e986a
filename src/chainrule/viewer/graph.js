"use strict";
// The picture of the graph: boxes and edges in SVG, zoom and pan, and what a step changes in it.
const Graph = (() => {
  const NS = "http://www.w3.org/2000/svg";
  const WIDE = 168;
  const HIGH = 84;
  const FAR = 8; // layers over which an unbent edge would run through too many boxes
  const svgMake = (tag, attributes, ...children) => {
    const element = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  function create(svg, program, events) {
    const nodes = program.nodes;
    const narrow = matchMedia("(max-width: 820px)");
    const view = svgMake("g", { id: "view" });
    const marker = (id) => svgMake("marker", { id, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 9, markerHeight: 9,
      markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, svgMake("path", { d: "M0,0 L10,5 L0,10 z" }));
    svg.append(svgMake("defs", {}, marker("arrow"), marker("arrow-on"), marker("arrow-back")), view);
    const boxes = [];
    const bent = new Map(program.bends.map(([a, b, points]) => [`${a}-${b}`, points]));
    const edges = new Map(); // "from-to": path
    let spots = [];
    let zoom = 1;
    let pan = [0, 0];
    let focused = program.output;

    const down = () => narrow.matches;
    const spot = ([layer, place]) => (down() ? [place * (WIDE + 22), layer * (HIGH + 34)] : [layer * (WIDE + 36), place * (HIGH + 24)]);

    function curve(points) {
      let d = "";
      points.forEach(([x, y], i) => {
        if (!i) d = `M${x},${y}`;
        else {
          const [u, v] = points[i - 1];
          d += down() ? ` C${u},${(v + y) / 2} ${x},${(v + y) / 2} ${x},${y}` : ` C${(u + x) / 2},${v} ${(u + x) / 2},${y} ${x},${y}`;
        }
      });
      return d;
    }

    function place() {
      spots = nodes.map((n) => spot(n.at));
      boxes.forEach((b, i) => b.group.setAttribute("transform", `translate(${spots[i][0]},${spots[i][1]})`));
      for (const [key, path] of edges) {
        const [a, b] = key.split("-").map(Number);
        const middle = (bent.get(key) || []).flatMap((p) => {
          const [x, y] = spot(p);
          return down() ? [[x + WIDE / 2, y], [x + WIDE / 2, y + HIGH]] : [[x, y + HIGH / 2], [x + WIDE, y + HIGH / 2]];
        });
        const from = down() ? [spots[a][0] + WIDE / 2, spots[a][1] + HIGH] : [spots[a][0] + WIDE, spots[a][1] + HIGH / 2];
        const to = down() ? [spots[b][0] + WIDE / 2, spots[b][1] - 2] : [spots[b][0] - 2, spots[b][1] + HIGH / 2];
        path.setAttribute("d", curve([from, ...middle, to]));
      }
    }

    const { clipped } = Formula;
    const lines = document.createDocumentFragment();
    const groups = document.createDocumentFragment();
    nodes.forEach((n, i) => {
      for (const a of n.args) {
        if (typeof a === "number" && !edges.has(`${a}-${i}`)) {
          const far = n.at[0] - nodes[a].at[0] > FAR && !bent.has(`${a}-${i}`); // drawn only while it is lit
          const path = svgMake("path", { class: far ? "edge far" : "edge", "marker-end": "url(#arrow)" });
          edges.set(`${a}-${i}`, path);
          lines.append(path);
        }
      }
      const leaf = n.op === undefined && n.kind !== "result";
      const head = svgMake("text", { x: 10, y: 21 }, svgMake("tspan", { class: "s" }, "v"),
        svgMake("tspan", { class: "s sub", dy: 4 }, Formula.minus(n.sub)));
      if (n.name) head.append(svgMake("tspan", { class: "name", dy: -4, dx: 7 }, clipped(n.name, n.op ? 9 : 15)));
      const op = svgMake("text", { class: "op", x: WIDE - 10, y: 21 }, n.op ? clipped(n.op, 11) : n.name.length > (n.kind === "input" ? 9 : 4) ? "" : n.kind);
      const value = svgMake("text", { class: "v", x: 10, y: 46 });
      const grad = svgMake("text", { class: "g", x: 10, y: 71 });
      const group = svgMake("g", { class: `node todo ${leaf ? "leaf" : ""} ${n.kind}`, role: "button", tabindex: "-1", "data-i": i },
        svgMake("rect", { class: "box", width: WIDE, height: HIGH, rx: 9 }), head, op, value, grad);
      boxes.push({ group, value, grad, shown: null });
      groups.append(group);
    });
    view.append(lines, groups);
    place();

    // ---- zoom and pan ----
    function move(animated) {
      view.classList.toggle("glide", Boolean(animated));
      view.style.transform = `translate(${pan[0]}px, ${pan[1]}px) scale(${zoom})`;
    }
    function extent() {
      const xs = spots.map((s) => s[0]);
      const ys = spots.map((s) => s[1]);
      const least = (v) => v.reduce((a, b) => Math.min(a, b), Infinity);
      const most = (v) => v.reduce((a, b) => Math.max(a, b), -Infinity);
      return [least(xs), least(ys), most(xs) + WIDE, most(ys) + HIGH];
    }
    function fit(all) {
      const [x0, y0, x1, y1] = extent();
      const { clientWidth: w, clientHeight: h } = svg;
      if (!w || !h) return;
      zoom = Math.min(1.25, (w - 40) / (x1 - x0), (h - (down() ? 24 : 70)) / (y1 - y0));
      if (!all && zoom < (down() ? 0.45 : 0.55)) {
        zoom = 0.75;
        pan = [20 - x0 * zoom, Math.max(60 - y0 * zoom, (h - (y1 + y0) * zoom) / 2)];
        reveal(0, false);
      } else {
        zoom = Math.max(zoom, 0.002);
        pan = [(w - (x1 + x0) * zoom) / 2, (h - (y1 + y0) * zoom) / 2];
      }
      move(false);
    }
    function by(factor, x = svg.clientWidth / 2, y = svg.clientHeight / 2) {
      const next = Math.min(4, Math.max(0.002, zoom * factor));
      pan = [x - ((x - pan[0]) * next) / zoom, y - ((y - pan[1]) * next) / zoom];
      zoom = next;
      move(false);
    }
    // Bring a box and what it is made from into view; nothing moves if they are there.
    function reveal(i, animated = true) {
      const { clientWidth: w, clientHeight: h } = svg;
      if (!w) return;
      const near = [i, ...nodes[i].args.filter((a) => typeof a === "number")];
      const onScreen = (k) => {
        const [x, y] = [spots[k][0] * zoom + pan[0], spots[k][1] * zoom + pan[1]];
        return x >= 4 && y >= 4 && x + WIDE * zoom <= w - 4 && y + HIGH * zoom <= h - 4;
      };
      if (near.every(onScreen)) return;
      const spread = (axis, size) => {
        const at = near.map((k) => spots[k][axis]);
        const [low, high] = [Math.min(...at), Math.max(...at) + size];
        const room = (axis ? h : w) / zoom - 16;
        return high - low <= room ? (low + high) / 2 : spots[i][axis] + size / 2;
      };
      const [x0, y0, x1, y1] = extent();
      const kept = (middle, size, low, high) => { // no empty space beyond the graph
        if ((high - low) * zoom <= size - 40) return (size - (high + low) * zoom) / 2;
        return Math.min(20 - low * zoom, Math.max(size - 20 - high * zoom, size / 2 - middle * zoom));
      };
      pan = [kept(spread(0, WIDE), w, x0, x1), kept(spread(1, HIGH), h, y0, y1)];
      move(animated && nodes.length < 400);
    }
    svg.addEventListener("wheel", (event) => {
      if (down() && !event.ctrlKey) return;
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      by(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    const fingers = new Map();
    let moved = 0;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      moved = 0;
    });
    addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = [event.clientX, event.clientY];
      if (fingers.size === 2) {
        const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
        const far = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
        const box = svg.getBoundingClientRect();
        by(far(now) / Math.max(1, far(before)), (now[0] + other[0]) / 2 - box.left, (now[1] + other[1]) / 2 - box.top);
      } else {
        pan = [pan[0] + now[0] - before[0], pan[1] + now[1] - before[1]];
        moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
        svg.classList.add("moving");
        move(false);
      }
      fingers.set(event.pointerId, now);
    });
    const lift = (event) => {
      fingers.delete(event.pointerId);
      if (!fingers.size) svg.classList.remove("moving");
    };
    addEventListener("pointerup", lift);
    addEventListener("pointercancel", lift);
    svg.addEventListener("click", (event) => {
      const group = event.target.closest(".node");
      if (group && moved < 6) events.select(Number(group.dataset.i), true);
    });
    svg.addEventListener("focusin", (event) => {
      const group = event.target.closest(".node");
      if (group) reveal(Number(group.dataset.i));
    });
    svg.addEventListener("keydown", (event) => {
      const group = event.target.closest(".node");
      if (!group) return;
      const i = Number(group.dataset.i);
      const to = { ArrowUp: i - 1, ArrowDown: i + 1 }[event.key];
      if (event.key === "Enter" || (to !== undefined && nodes[to])) {
        event.preventDefault();
        event.stopPropagation();
        if (event.key === "Enter") events.select(i, true);
        else focus(to);
      }
    });
    function hold(i) {
      boxes[focused].group.setAttribute("tabindex", "-1");
      focused = i;
      boxes[i].group.setAttribute("tabindex", "0");
    }
    function focus(i) {
      hold(i);
      boxes[i].group.focus({ preventScroll: true });
    }
    hold(focused);
    narrow.addEventListener("change", () => { place(); fit(false); });

    // ---- what a step changes ----
    function content(box, slot, x, text, y, tones) {
      const old = box[slot];
      const pictured = x && x.data.length > 1;
      old.replaceChildren();
      const image = box.group.querySelector(`.${slot}-image`);
      if (image) image.remove();
      if (!x && !text) return;
      if (!pictured) {
        old.textContent = text;
        return;
      }
      const [rows, columns] = [x.preview ? x.preview[0] : 0, x.preview ? x.preview[1] : x.shape[x.shape.length - 1]];
      const ratio = columns / (rows || x.data.length / columns);
      const width = Math.max(16, Math.min(66, 22 * ratio));
      box.group.append(svgMake("image", { class: `${slot}-image`, x: 10, y: y - 16, width, height: 22, preserveAspectRatio: "none",
        href: Heat.picture(x, tones) }));
      old.setAttribute("x", 16 + width);
      old.textContent = clipped([x.shape.join("\u00d7"), Formula.troubles(x)].filter(Boolean).join(", "), 14);
    }
    function show(i, value, grad, reached, tones) {
      const box = boxes[i];
      const n = nodes[i];
      box.group.classList.toggle("todo", !reached);
      box.value.setAttribute("x", 10);
      box.grad.setAttribute("x", 10);
      const seen = reached ? (n.several ? "several results" : Formula.summary(value)) : "";
      content(box, "value", reached ? value : null, seen, 46, tones);
      content(box, "grad", grad, grad ? (grad.data.length === 1 ? `grad ${Formula.summary(grad)}` : Formula.summary(grad)) : "", 71, tones);
      const parts = [Formula.spoken(n), n.op || n.kind, reached ? `value ${Formula.summary(value)}` : "not computed yet"];
      if (grad) parts.push(`gradient ${Formula.summary(grad)}`);
      box.group.setAttribute("aria-label", parts.join(", "));
    }
    let lit = [];
    function mark(active, direction, receivers, selected) {
      for (const [element, names] of lit) element.classList.remove(...names);
      for (const [element] of lit) if (element.tagName === "path") {
        element.setAttribute("marker-end", "url(#arrow)");
        element.removeAttribute("marker-start");
      }
      lit = [];
      const put = (element, ...names) => {
        element.classList.add(...names);
        lit.push([element, names]);
      };
      if (active !== null) {
        put(boxes[active].group, "now", ...(direction === "back" ? ["back"] : []));
        for (const a of nodes[active].args) {
          if (typeof a !== "number") continue;
          const path = edges.get(`${a}-${active}`);
          if (direction === "on") {
            put(path, "on");
            path.setAttribute("marker-end", "url(#arrow-on)");
          } else if (receivers.includes(a)) {
            put(path, "back");
            path.removeAttribute("marker-end");
            path.setAttribute("marker-start", "url(#arrow-back)");
          }
        }
      }
      for (const r of receivers) put(boxes[r].group, "receives");
      if (selected !== null) put(boxes[selected].group, "selected");
    }
    const hit = (found) => boxes.forEach((b, i) => b.group.classList.toggle("hit", found.has(i)));
    return { fit, by, reveal, show, mark, hit, hold };
  }

  return { create };
})();
