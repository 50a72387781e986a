"use strict";
(() => {
  const program = Engine.read(document.getElementById("program").textContent);
  const nodes = program.nodes;
  const model = createModel(program);
  const { steps, reached, touched } = model;
  const adjointAt = model.adjoint;
  const refusal = () => model.refusal();

  let at = 0;
  let selected = null;
  let timer = null;
  const graph = Graph.create(byId("graph"), program, { select });

  const ruleOf = createRules(model);
  const { rows, layOutRows } = createTable(model, ruleOf, (t) => go(t));
  const showSource = createSource(model);

  // ---- this step ----
  const line = (kind, ...parts) => make("p", { class: `line ${kind}` }, ...parts);
  function stepCard() {
    const s = steps[at];
    const rule = byId("rule");
    rule.replaceChildren();
    byId("step-card").classList.toggle("back", s.kind === "seed" || s.kind === "backward");
    byId("count").textContent = `step ${at} of ${steps.length - 1}`;
    let title = "";
    let said = "";
    if (s.kind === "start") {
      byId("phase").textContent = "Start";
      title = "The inputs are given";
      rule.append(make("p", {}, "Step forward to compute the values, then backward to follow the chain rule."));
      said = "Start. The inputs are given.";
    } else if (s.kind === "forward") {
      const n = nodes[s.node];
      byId("phase").textContent = "Forward";
      title = `${n.op}: ${program.ops[n.op].doc}`;
      const shown = (i) => {
        const x = model.value(i);
        return x && x.data.length === 1 ? make("span", { class: "num-v" }, x.data[0] < 0 ? `(${Formula.summary(x)})` : Formula.summary(x)) : Formula.symbol(nodes[i]);
      };
      rule.append(line("", Formula.symbol(n), " = ", Formula.of(program, n)));
      const spelled = !n.shape.length && !n.several;
      rule.append(line("", ...(spelled ? [" = ", Formula.of(program, n, shown)] : []), " = ", make("span", { class: "num-v" }, n.several ? "several results" : Formula.summary(model.value(s.node)))));
      said = `Forward, ${n.op}. ${Formula.spoken(n)} is ${Formula.summary(model.value(s.node))}.`;
    } else if (s.kind === "seed") {
      const n = nodes[s.node];
      byId("phase").textContent = "Backward";
      title = "Seed: the derivative of the result by itself";
      rule.append(line("", Formula.symbol(n, true), " = 1"));
      said = `Backward starts. The gradient of ${Formula.spoken(n)} is 1.`;
    } else {
      const n = nodes[s.node];
      const terms = program.backward[s.k].terms;
      byId("phase").textContent = "Backward";
      title = "";
      byId("step-title").replaceChildren("through ", Formula.symbol(n), " = ", Formula.of(program, n));
      said = `Backward through ${n.op}.`;
      for (const term of terms) {
        const to = nodes[term.to];
        const result = model.around(s.k, term)[1];
        const block = make("div", { class: "term" });
        block.append(line("general", Formula.symbol(to, true), " gains ", Formula.symbol(n, true), " \u00b7 ",
          make("span", { class: "frac" }, make("span", {}, "\u2202", Formula.symbol(n)), make("span", {}, "\u2202", Formula.symbol(to)))));
        const answer = [" = ", make("span", { class: "num-g" }, Formula.summary(result))];
        const many = result.data.length !== 1 || result.preview;
        block.append(line("", Formula.symbol(to, true), " \u2190 ", ruleOf(s.k, term, false, at), ...(many ? answer : [])));
        const [before] = model.around(s.k, term);
        const spelled = !many && (before || n.rules[term.arg] !== null && program.rules[n.rules[term.arg]] !== "g");
        if (!many) block.append(line("", ...(spelled ? [" = ", ruleOf(s.k, term, true, at)] : []), ...answer));
        rule.append(block);
        said += ` Gradient of ${Formula.spoken(to)} is now ${Formula.summary(result)}.`;
      }
    }
    if (title) byId("step-title").textContent = title;
    byId("live").textContent = `Step ${at} of ${steps.length - 1}. ${said}`;
  }

  // ---- one value, and editing ----
  function numberField(value, label, done) {
    const input = make("input", { class: "number", type: "text", inputmode: "decimal", "aria-label": label, value: Formula.typed(value), autocomplete: "off" });
    input.addEventListener("change", () => done(input));
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") done(input);
    });
    return input;
  }

  function edit(i, entry, input) {
    const n = nodes[i];
    const text = input.value.trim().replace("\u2212", "-");
    const value = Number(text);
    const whole = /int/.test(n.dtype);
    const message = byId("edit-error");
    const fail = (why) => {
      input.setAttribute("aria-invalid", "true");
      for (const place of [message, byId("input-error")]) if (place) place.textContent = why;
      byId("live").textContent = why;
      return false;
    };
    if (text === "" || Number.isNaN(value) || (whole && !Number.isInteger(value))) {
      return fail(`${text || "nothing"} is not a ${whole ? "whole " : ""}number`);
    }
    if (model.unchanged(i, entry, value)) {
      input.removeAttribute("aria-invalid");
      if (byId("input-error")) byId("input-error").textContent = "";
      return true;
    }
    const why = model.edit(i, entry, value);
    if (why) return fail(why);
    input.removeAttribute("aria-invalid");
    changed();
    return true;
  }
  function reset() {
    model.reset();
    changed();
  }
  function changed() {
    drawInputs();
    paintAll();
    detail();
    stepCard();
  }

  const editable = (i) => (nodes[i].op === undefined && nodes[i].kind !== "result" && model.value(i) && !model.value(i).preview);
  let entry = 0;
  function valueView(i, key, label) {
    const x = key === "grad" ? adjointAt(i, at) : model.value(i);
    if (!x) return make("span", { class: "muted" }, key === "grad" ? "none yet" : "not kept");
    if (x.data.length === 1 && !x.preview) return make("span", { class: key === "grad" ? "num-g" : "num-v" }, Formula.exact(x.data[0], x.dtype));
    return Heat.widget(x, label, (j) => { if (key === "value") showEntry(i, j); }, entry);
  }
  function showEntry(i, j) {
    entry = j;
    const holder = byId("entry");
    if (!holder) return;
    const name = `entry ${Heat.place(model.value(i), j)} of ${Formula.spoken(nodes[i])}`;
    holder.replaceChildren(make("span", {}, Heat.place(model.value(i), j), " = "), numberField(model.value(i).data[j], name, (input) => edit(i, j, input)));
  }
  function detail() {
    const card = byId("detail");
    const active = document.activeElement;
    const had = card.contains(active) ? active.getAttribute("aria-label") : null;
    if (selected === null) {
      card.replaceChildren(make("p", { class: "muted" }, "Choose a value in the graph to look at it."));
      return;
    }
    const n = nodes[selected];
    const there = reached[selected] <= at;
    const list = make("dl", {});
    const entryOf = (name, ...content) => list.append(make("dt", {}, name), make("dd", {}, ...content));
    if (n.op) entryOf("formula", make("span", { class: "line" }, Formula.of(program, n)));
    const many = (x) => x && (x.data.length !== 1 || x.preview);
    const value = there && !n.several ? valueView(selected, "value", `value of ${Formula.spoken(n)}`)
      : make("span", { class: "muted" }, n.several ? "several results" : "not computed yet");
    const grad = n.wants ? valueView(selected, "grad", `gradient of ${Formula.spoken(n)}`) : null;
    const pair = there && many(model.value(selected));
    if (!pair) {
      entryOf("value", value);
      if (grad) entryOf("gradient", grad);
    }
    entryOf("shape", n.shape.length ? `${n.shape.join(" \u00d7 ")}, ${n.dtype}` : `one number${n.dtype ? `, ${n.dtype}` : ""}`);
    const inputs = n.args.filter((a) => typeof a === "number");
    if (inputs.length) {
      const parts = inputs.map((a) => {
        const button = make("button", { type: "button", class: "linkish", "aria-label": `Look at ${Formula.spoken(nodes[a])}`, onclick: () => select(a, true) },
          Formula.symbol(nodes[a]), nodes[a].name ? ` ${nodes[a].name}` : "");
        const holder = make("span", { class: "editor" }, button);
        if (editable(a) && model.value(a).data.length === 1 && !refusal()) {
          holder.append(numberField(model.value(a).data[0], `Value of ${Formula.spoken(nodes[a])}`, (input) => edit(a, 0, input)));
        } else holder.append(make("span", { class: "num-v" }, reached[a] > at ? "" : nodes[a].several ? "several results" : Formula.summary(model.value(a))));
        return holder;
      });
      entryOf("inputs", ...parts);
    }
    card.replaceChildren(make("h2", {}, Formula.symbol(n), n.name ? ` ${n.name}` : ""));
    if (pair) {
      const shown = (name, content) => make("div", {}, make("div", { class: "label" }, name), content);
      card.append(make("div", { class: "pair" }, shown("value", value), ...(grad ? [shown("gradient", grad)] : [])));
    }
    if (!pair) card.append(list);
    if (editable(selected)) {
      if (refusal()) card.append(make("p", { class: "muted" }, "Editing is off: ", refusal(), "."));
      else if (model.value(selected).data.length === 1) {
        card.append(make("div", { class: "editor" }, make("span", {}, "set to "), numberField(model.value(selected).data[0], `New value of ${Formula.spoken(n)}`, (input) => edit(selected, 0, input))));
      } else if (model.value(selected).data.length) {
        card.append(make("div", { class: "editor", id: "entry" }));
        queueMicrotask(() => { if (byId("entry")) showEntry(selected, Math.min(entry, model.value(selected).data.length - 1)); });
      }
      card.append(make("p", { class: "error", id: "edit-error", role: "alert" }));
    }
    if (pair) card.append(list);
    if (had) {
      const back = [...card.querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === had);
      if (back) back.focus();
    }
  }
  function select(i, byHand) {
    if (i !== selected) entry = 0;
    selected = i;
    graph.hold(i);
    lightUp();
    detail();
    if (byHand) byId("live").textContent = `Selected ${Formula.spoken(nodes[i])}.`;
  }

  // The inputs that are single numbers, above the graph.
  function drawInputs() {
    const form = byId("inputs");
    const single = [...nodes.keys()].filter((i) => nodes[i].kind === "input" && model.value(i) && model.value(i).data.length === 1);
    if (!single.length || single.length > 8) return;
    const active = document.activeElement;
    const had = form.contains(active) ? active.getAttribute("aria-label") : null;
    form.hidden = false;
    const off = Boolean(refusal());
    const fields = single.map((i) => {
      const field = numberField(model.value(i).data[0], `Input ${Formula.spoken(nodes[i])}`, (input) => edit(i, 0, input));
      field.disabled = off;
      return make("label", {}, Formula.symbol(nodes[i]), nodes[i].name ? ` ${Formula.clipped(nodes[i].name, 24)} =` : " =", field);
    });
    const again = make("button", { type: "button", onclick: reset }, "Reset");
    again.disabled = !model.edited();
    form.replaceChildren(...fields, again, make("span", { class: "error", id: "input-error" }));
    const back = had && [...form.querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === had);
    if (back) back.focus();
  }
  byId("inputs").addEventListener("submit", (event) => event.preventDefault());

  // ---- moving ----
  function paint(i, tones) {
    graph.show(i, model.value(i), adjointAt(i, at), reached[i] <= at, tones);
  }
  function paintRows(t) {
    for (const [line, cell, value] of rows[t]) {
      line.classList.toggle("todo", t > at);
      cell.textContent = t > at ? "" : value();
    }
  }
  function paintAll() {
    const tones = Heat.colours();
    nodes.forEach((_, i) => paint(i, tones));
    steps.forEach((_, t) => paintRows(t));
  }
  let nowRows = [];
  function lightUp() {
    const s = steps[at];
    const back = s.kind === "backward" || s.kind === "seed";
    const receivers = s.kind === "backward" ? program.backward[s.k].terms.map((term) => term.to) : [];
    graph.mark(s.node === undefined ? null : s.node, back ? "back" : "on", receivers, selected);
  }
  function go(t) {
    const before = at;
    at = Math.max(0, Math.min(steps.length - 1, t));
    const [low, high] = before < at ? [before + 1, at] : [at + 1, before];
    const dirty = new Set();
    const tones = Heat.colours();
    for (let k = low; k <= high; k++) {
      touched[k].forEach((i) => dirty.add(i));
      paintRows(k);
    }
    for (const i of dirty) paint(i, tones);
    layOutRows(at);
    for (const line of nowRows) {
      line.classList.remove("now");
      line.tabIndex = -1;
      line.removeAttribute("aria-current");
    }
    nowRows = at ? rows[at].map(([line]) => line) : [];
    nowRows.forEach((line, k) => {
      line.classList.add("now");
      line.setAttribute("aria-current", "step");
      if (!k) line.tabIndex = 0;
    });
    const s = steps[at];
    if (s.node !== undefined) {
      select(s.kind === "backward" && program.backward[s.k].terms.length ? program.backward[s.k].terms[0].to : s.node, false);
      graph.reveal(s.node);
    } else {
      lightUp();
      detail();
    }
    stepCard();
    showSource(s);
    const box = byId("tablebox");
    if (nowRows.length) {
      const [top, bottom] = [nowRows[0].offsetTop - 30, nowRows[nowRows.length - 1].offsetTop + nowRows[nowRows.length - 1].offsetHeight];
      if (top < box.scrollTop || bottom > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 3;
    } else box.scrollTop = 0;
    byId("slider").value = at;
    byId("slider").setAttribute("aria-valuetext", `step ${at} of ${steps.length - 1}`);
    byId("first").disabled = byId("previous").disabled = at === 0;
    byId("last").disabled = byId("next").disabled = at === steps.length - 1;
    if (at === steps.length - 1) stop();
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    byId("play").textContent = "Play";
    byId("play").setAttribute("aria-pressed", "false");
    byId("play").setAttribute("aria-label", "Play (Space)");
  }
  function start() {
    if (at === steps.length - 1) go(0);
    byId("play").textContent = "Pause";
    byId("play").setAttribute("aria-pressed", "true");
    byId("play").setAttribute("aria-label", "Pause (Space)");
    timer = setInterval(() => go(at + 1), Number(byId("speed").value));
  }
  const toggle = () => (timer ? stop() : start());

  wireSearch(model, graph, rows, (i) => select(i, true));

  const applyTheme = wireTheme(() => {
    paintAll();
    detail();
  });

  // ---- controls and keys ----
  byId("first").addEventListener("click", () => go(0));
  byId("previous").addEventListener("click", () => go(at - 1));
  byId("next").addEventListener("click", () => go(at + 1));
  byId("last").addEventListener("click", () => go(steps.length - 1));
  byId("play").addEventListener("click", toggle);
  byId("slider").max = steps.length - 1;
  byId("slider").addEventListener("input", (event) => go(Number(event.target.value)));
  byId("speed").addEventListener("change", () => { if (timer) { stop(); start(); } });
  byId("zoom-in").addEventListener("click", () => graph.by(1.3));
  byId("zoom-out").addEventListener("click", () => graph.by(1 / 1.3));
  byId("zoom-fit").addEventListener("click", () => graph.fit(true));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input:not([type=range]), select, textarea");
    if (typing) return;
    const onButton = event.target.closest("button, a");
    const actions = {
      ArrowRight: () => go(at + 1), ArrowLeft: () => go(at - 1), Home: () => go(0), End: () => go(steps.length - 1),
      "/": () => byId("search").focus(), "+": () => graph.by(1.3), "=": () => graph.by(1.3), "-": () => graph.by(1 / 1.3), 0: () => graph.fit(true),
    };
    if (!onButton) actions[" "] = toggle;
    if (!actions[event.key]) return;
    event.preventDefault();
    if (event.key !== " " && timer && event.key.startsWith("Arrow")) stop();
    actions[event.key]();
  });

  // ---- begin ----
  const notes = [...program.notes];
  if (refusal()) notes.push(`Inputs cannot be edited here: ${refusal()}. The numbers shown are the engine's.`);
  if (notes.length) {
    byId("notes").hidden = false;
    byId("notes").append(...notes.map((text) => make("p", {}, text)));
  }
  applyTheme();
  drawInputs();
  go(0);
  graph.fit(false);
  let width = innerWidth;
  addEventListener("resize", () => { if (Math.abs(innerWidth - width) > 40) { width = innerWidth; graph.fit(false); } });
  globalThis.chainrule = {
    program, go, refusal, steps,
    get at() { return at; },
    value: model.value,
    gradient: model.gradient,
    edit(i, entry, value) {
      const why = model.edit(i, entry, value);
      if (!why) changed();
      return why;
    },
  };
})();
