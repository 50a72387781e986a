"use strict";
// The user's source lines: the block of a step's function is shown, with the line lit and the operation marked.
function createSource({ program, nodes }) {
  const box = byId("source");
  const where = byId("where");
  const indents = program.sources.map(({ lines }) => Math.min(...lines.filter((t) => t.trim()).map((t) => t.search(/\S/))));
  let open = null; // the number of the block that is shown
  let lit = null; // what to put back when the step changes

  function turnTo(index) {
    open = index;
    const block = program.sources[index];
    box.hidden = false;
    const list = make("ol", { tabindex: "0", "aria-label": `Source of ${block.file}` });
    block.lines.forEach((text, i) => {
      list.append(make("li", {}, make("span", { class: "n", "aria-hidden": "true" }, String(block.start + i)), make("code", {}, text.slice(indents[index]))));
    });
    box.replaceChildren(make("div", { class: "file" }, block.file), list);
  }
  function scrollTo(element, mark) {
    const top = element.offsetTop - box.offsetTop;
    if (top < box.scrollTop || top + element.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 2;
    if (!mark) return;
    const left = mark.offsetLeft - box.offsetLeft;
    const begins = (scroll) => left >= scroll && left + 40 <= scroll + box.clientWidth;
    if (!begins(box.scrollLeft)) box.scrollLeft = begins(0) ? 0 : left - 60;
  }

  return (step) => {
    const node = step.node === undefined || step.kind === "seed" ? null : nodes[step.node];
    const place = node ? node.place : null;
    where.textContent = "";
    if (lit) {
      lit.element.className = "";
      lit.code.textContent = lit.text;
      lit = null;
    }
    const index = place ? place[0] : open === null && program.sources.length ? 0 : open;
    if (index === null) return;
    if (index !== open) turnTo(index);
    if (!place) return;
    const [, first, column, last, end] = place;
    const block = program.sources[index];
    const element = box.querySelectorAll("li")[first - block.start];
    const text = (block.lines[first - block.start] || "").slice(indents[index]);
    where.textContent = block.file === "the expression" ? block.file : `${block.file}, line ${first}`;
    if (!element) return;
    const code = element.lastChild;
    const [from, to] = [column - indents[index], end - indents[index]];
    const mark = column !== null && end !== null && last === first && end > column ? make("mark", {}, text.slice(from, to)) : null;
    element.className = step.kind === "backward" ? "now back" : "now";
    if (mark) code.replaceChildren(text.slice(0, from), mark, text.slice(to));
    lit = { element, code, text };
    scrollTo(element, mark);
  };
}
