// The explorer, last part: selecting, choosing, and what happens when it is opened.
const select = (isIn) => (plot.source.selected.indices = [...shown.data.about.cells.keys()].filter(isIn));

function table(element, caption, head, rows) {
  const cells = (tag, row) => {
    const line = node("tr", "");
    line.append(...row.map((text, i) => (text instanceof Node ? text : node(tag === "td" && i === 0 ? "th" : tag, text, tag === "th" ? { scope: "col" } : i === 0 ? { scope: "row" } : {}))));
    return line;
  };
  const [top, body] = [node("thead", ""), node("tbody", "")];
  top.append(cells("th", head));
  body.append(...rows.map((row) => cells("td", row)));
  element.replaceChildren(node("caption", caption), top, body);
}

function columnsListed() {
  const { data, view, colouring } = shown;
  return [...groupsOf(data, view), ...(colouring.codes ? [] : [colouring])];
}

function showSelection() {
  const { data, colouring } = shown;
  const chosen = plot.source.selected.indices;
  part("selected").hidden = chosen.length === 0;
  part("how").hidden = chosen.length > 0;
  part("copied").textContent = "";
  part("count").textContent = chosen.length === 0 ? "No cell selected" : `${whole(chosen.length)} cell${chosen.length === 1 ? "" : "s"} selected`;
  if (chosen.length === 0) return;
  const percent = (a, b) => `${((100 * a) / b).toFixed(1)} %`;
  if (colouring.codes) {
    const [inside, all] = [countGroups(colouring, chosen), countGroups(colouring, data.about.cells.keys())];
    const groups = [...inside.keys()].filter((group) => inside[group] > 0).sort((a, b) => inside[b] - inside[a]);
    const rows = groups.map((group) => {
      const name = node("th", "", { scope: "row" });
      name.append(swatch(colouring.colours[group]), colouring.values[group]);
      return [name, whole(inside[group]), percent(inside[group], chosen.length), percent(inside[group], all[group])];
    });
    table(part("composition"), `What is in the selection, by ${colouring.title}`, [colouring.title, "cells", "of the selection", "of the group"], rows);
  } else {
    const mean = (cells) => number(cells.reduce((sum, cell) => sum + valueAt(colouring, cell), 0) / cells.length);
    const isChosen = new Set(chosen);
    const rest = [...data.about.cells.keys()].filter((cell) => !isChosen.has(cell));
    const rows = [["selected", whole(chosen.length), mean(chosen)], ...(rest.length ? [["others", whole(rest.length), mean(rest)]] : [])];
    table(part("composition"), `Mean of ${colouring.title}`, ["cells", "number", "mean"], rows);
  }
  const columns = columnsListed();
  const rows = chosen.slice(0, mostListed).map((cell) => [data.about.cells[cell], ...columns.map((column) => textAt(column, cell))]);
  const caption = chosen.length > mostListed ? `The first ${mostListed} of ${whole(chosen.length)} selected cells; the TSV has all` : "The selected cells";
  table(part("cells"), caption, ["cell", ...columns.map((column) => column.title)], rows);
}

function selectionAsText() {
  const columns = columnsListed();
  const plain = (text) => String(text).replace(/\s+/g, " ");
  const lines = plot.source.selected.indices.map((cell) => [shown.data.about.cells[cell], ...columns.map((column) => textAt(column, cell))]);
  return [["cell", ...columns.map((column) => column.title)], ...lines].map((line) => line.map(plain).join("\t")).join("\n") + "\n";
}

async function copy() {
  const done = await navigator.clipboard.writeText(selectionAsText()).then(() => true, () => false);
  part("copied").textContent = done ? "Copied." : "This browser does not let the page copy; download it instead.";
}

function download() {
  const address = URL.createObjectURL(new Blob([selectionAsText()], { type: "text/tab-separated-values" }));
  node("a", "", { href: address, download: `${shown.data.about.dataset}_cells.tsv` }).click();
  URL.revokeObjectURL(address);
}

// Choosing: each control keeps its choice where the new data set, model or seed still has it.
function fill(name, entries) {
  const [control, before] = [part(name), part(name).value];
  const option = ([value, text]) => node("option", text, { value });
  const grouped = entries.map(([label, options]) => {
    if (label === null) return options.map(option);
    const group = node("optgroup", "", { label });
    group.append(...options.map(option));
    return [group];
  });
  control.replaceChildren(...grouped.flat());
  if ([...control.options].some((each) => each.value === before)) control.value = before;
}

async function chooseData() {
  shown.data = await dataNamed(part("dataset").value);
  plot.source.selected.indices = [];
  fill("model", [[null, [...new Set(shown.data.about.views.map((view) => view.model))].map((model) => [model, model])]]);
  chooseModel();
  showAll();
}

function chooseModel() {
  const views = shown.data.about.views.filter((view) => view.model === part("model").value);
  fill("seed", [[null, views.map((view) => [String(view.seed), String(view.seed)])]]);
  chooseSeed();
}

function chooseSeed() {
  const { about } = shown.data;
  shown.view = about.views.find((view) => view.model === part("model").value && String(view.seed) === part("seed").value);
  fill("layout", [[null, shown.view.layouts.map((layout) => [layout.name, layout.title])]]);
  const variables = about.variables.map((variable, i) => [`variable-${i}`, variable.name]);
  const groups = groupsOf(shown.data, shown.view).map(({ key, title }) => [key, title]);
  fill("colour", [["Groups", groups], ...(variables.length ? [[about.modality === "counts" ? "Genes" : "Variables", variables]] : [])]);
  chooseLook();
}

function chooseLook() {
  const { data, view } = shown;
  const colour = part("colour").value;
  shown.layout = view.layouts.find((layout) => layout.name === part("layout").value);
  shown.colouring = colour.startsWith("variable-") ? variableOf(data, Number(colour.slice(9))) : groupsOf(data, view).find((group) => group.key === colour);
  draw();
}

// Moving without a mouse.
function move(dx, dy, zoom) {
  for (const [range, shift] of [[plot.figure.x_range, dx], [plot.figure.y_range, dy]]) {
    const [middle, half] = [(range.start + range.end) / 2, (range.end - range.start) / 2];
    range.setv({ start: middle + shift * half - half * zoom, end: middle + shift * half + half * zoom });
  }
}
const showAll = () => [plot.figure.x_range, plot.figure.y_range].forEach((range) => range.setv({ start: -0.05, end: 1.05 }));
const keys = {
  ArrowLeft: () => move(-0.2, 0, 1), ArrowRight: () => move(0.2, 0, 1), ArrowUp: () => move(0, 0.2, 1), ArrowDown: () => move(0, -0.2, 1),
  "+": () => move(0, 0, 0.8), "=": () => move(0, 0, 0.8), "-": () => move(0, 0, 1.25), 0: showAll,
};

function connect() {
  const on = (name, kind, act) => part(name).addEventListener(kind, act);
  for (const [name, act] of Object.entries({ dataset: chooseData, model: chooseModel, seed: chooseSeed, layout: chooseLook, colour: chooseLook })) on(name, "change", act);
  const buttons = { in: keys["+"], out: keys["-"], all: showAll, copy, download, clear: () => select(() => false) };
  for (const [name, act] of Object.entries(buttons)) on(name, "click", act);
  for (const choice of document.getElementsByName("explorer-drag")) choice.addEventListener("change", () => (plot.tools[choice.value].active = true));
  on("plot", "keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  // The wheel scrolls the page until the plot is clicked, and again once something else is.
  document.addEventListener("pointerdown", (event) => {
    plot.wheel.active = part("plot").contains(event.target);
    plot.byFinger = event.pointerType !== "mouse";
    plot.hover.active = false;  // no looking for cells under the pointer while one drags
  });
  document.addEventListener("pointerup", () => (plot.hover.active = true));
  on("plot", "pointerleave", () => plot.byFinger || showTip([], {}));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chooseLook());
}

part("open").addEventListener("click", async () => {
  part("open").disabled = true;
  part("status").textContent = "Unpacking …";
  try {
    await loadLibrary();
    part("panel").hidden = false;
    await makePlot();
    const named = [...document.querySelectorAll(".explorer-data")].map((element) => element.dataset.name);
    fill("dataset", [[null, named.map((name) => [name, name])]]);
    connect();
    await chooseData();
    part("open").parentElement.hidden = true;
    part("dataset").focus();
  } catch (error) {
    part("status").textContent = `The explorer could not be opened: ${error.message}. It needs a browser of 2023 or later.`;
    throw error;
  }
});
