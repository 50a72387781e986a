"use strict";
// The tools of the header: search, and light and dark.
const byId = (id) => document.getElementById(id);

// Find values by name, symbol, operation or source line; Enter goes from one to the next.
function wireSearch({ program, nodes, steps }, graph, rows, choose) {
  let hits = [];
  let hitAt = -1;
  function search(text) {
    const wanted = text.trim().toLowerCase();
    hits = [];
    if (wanted) {
      nodes.forEach((n, i) => {
        const lineText = n.place ? program.sources[n.place[0]].lines[n.place[1] - program.sources[n.place[0]].start] || "" : "";
        if (`${n.name} v${n.sub} ${n.op || n.kind} ${lineText}`.toLowerCase().includes(wanted)) hits.push(i);
      });
    }
    const found = new Set(hits);
    graph.hit(found);
    steps.forEach((s, t) => {
      if (s.kind === "forward") rows[t].forEach(([line]) => line.classList.toggle("hit", found.has(s.node)));
    });
    hitAt = -1;
    byId("found").textContent = wanted ? `${hits.length} found` : "";
  }
  byId("search").addEventListener("input", (event) => search(event.target.value));
  byId("search").addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && hits.length) {
      hitAt = (hitAt + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
      choose(hits[hitAt]);
      graph.reveal(hits[hitAt]);
      byId("found").textContent = `${hitAt + 1} of ${hits.length}`;
    } else if (event.key === "Escape") {
      event.target.value = "";
      search("");
      event.target.blur();
    }
  });
}

// Light, dark, or as the system has it; returns the function that applies it, after which `repaint` runs.
function wireTheme(repaint) {
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  let theme = "Auto";
  function applyTheme() {
    const dark = theme === "Dark" || (theme === "Auto" && prefersDark.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    byId("theme").textContent = `Theme: ${theme.toLowerCase()}`;
    byId("theme").setAttribute("aria-label", `Colours: ${{ Auto: "automatic", Light: "light", Dark: "dark" }[theme]}`);
    repaint();
  }
  byId("theme").addEventListener("click", () => {
    const order = prefersDark.matches ? ["Auto", "Light", "Dark"] : ["Auto", "Dark", "Light"];
    theme = order[(order.indexOf(theme) + 1) % 3];
    applyTheme();
  });
  prefersDark.addEventListener("change", applyTheme);
  return applyTheme;
}
