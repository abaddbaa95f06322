// The explorer: Bokeh draws the cells, everything around it is plain HTML. Library and data lie packed in the page and are read when the explorer is opened.
(() => {
  const part = (name) => document.getElementById(`explorer-${name}`);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const titles = { label: "truth", clusters: "cluster", batch: "batch", condition: "condition", split: "split" };
  const mostListed = 100;
  const mostMoving = 2500;
  const shown = { data: null, view: null, layout: null, colouring: null };
  const read = new Map();
  let plot = null;

  // Reading: base64 -> gzip -> bytes; a data set is a safetensors file.
  async function unpack(element) {
    const bytes = Uint8Array.from(atob(element.textContent.trim()), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  }

  async function readData(element) {
    const buffer = await unpack(element);
    const length = Number(new DataView(buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    const array = (name) => {
      const { dtype, data_offsets: [start, end] } = header[name];
      return dtype === "U16" ? new Uint16Array(buffer, 8 + length + start, (end - start) / 2) : new Uint8Array(buffer, 8 + length + start, end - start);
    };
    return { about: JSON.parse(header.__metadata__.explorer), array };
  }

  async function loadLibrary() {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(await unpack(part("library")));
    document.head.append(script);
  }

  const dataNamed = async (name) => {
    if (!read.has(name)) read.set(name, await readData([...document.querySelectorAll(".explorer-data")].find((each) => each.dataset.name === name)));
    return read.get(name);
  };

  // What a cell is: its groups and its values.
  const groupsOf = ({ about, array }, view) =>
    Object.entries({ ...about.columns, ...(view.clusters && { clusters: view.clusters }) })
      .sort(([a], [b]) => Object.keys(titles).indexOf(a) - Object.keys(titles).indexOf(b))
      .map(([key, column]) => ({ key, title: titles[key], values: [...column.values, "none"], colours: [...column.colours.map(onPaper), style("--no-value")], codes: array(column.cells) }));

  const variableOf = ({ about, array }, i) => {
    const n = about.cells.length;
    return { key: `variable-${i}`, title: about.variables[i].name, ...about.variables[i], steps: array("variables").subarray(i * n, (i + 1) * n) };
  };

  const valueAt = (variable, cell) => variable.low + (variable.steps[cell] / 255) * (variable.high - variable.low);
  const whole = (count) => count.toLocaleString("en").replace(/,/g, "\u202f");
  const number = (value) => (Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3));
  const textAt = (colouring, cell) => (colouring.codes ? colouring.values[colouring.codes[cell]] : number(valueAt(colouring, cell)));

  function ramp() {
    const stops = ["--low", "--mid", "--high"].map((name) => style(name).match(/\w\w/g).map((pair) => parseInt(pair, 16)));
    const colour = (t) => {
      const [a, b, share] = t < 0.5 ? [stops[0], stops[1], 2 * t] : [stops[1], stops[2], 2 * t - 1];
      return "#" + a.map((channel, i) => Math.round(channel + (b[i] - channel) * share).toString(16).padStart(2, "0")).join("");
    };
    return Array.from({ length: 256 }, (_, i) => colour(i / 255));
  }

  // On dark paper the darkest colours are mixed with white, or nobody would see them.
  function onPaper(colour) {
    const channels = colour.match(/\w\w/g).map((pair) => parseInt(pair, 16));
    const light = 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2];
    if (!matchMedia("(prefers-color-scheme: dark)").matches || light > 90) return colour;
    return "#" + channels.map((channel) => Math.round(channel + (255 - channel) * 0.35).toString(16).padStart(2, "0")).join("");
  }

  // Drawing.
  function makePlot() {
    const tools = { pan: new Bokeh.PanTool(), lasso: new Bokeh.LassoSelectTool({ continuous: false }), box: new Bokeh.BoxSelectTool() };
    const wheel = new Bokeh.WheelZoomTool();
    const hover = new Bokeh.HoverTool({ tooltips: null });
    const [x_range, y_range] = [new Bokeh.Range1d({ start: -0.05, end: 1.05 }), new Bokeh.Range1d({ start: -0.05, end: 1.05 })];
    const figure = Bokeh.Plotting.figure({
      tools: [...Object.values(tools), wheel, hover], toolbar_location: null, x_axis_location: null, y_axis_location: null, x_range, y_range,
      sizing_mode: "stretch_both", min_border: 0, lod_timeout: 200, active_drag: tools.pan, active_scroll: null,
    });
    figure.xgrid.visible = false;
    figure.ygrid.visible = false;
    const source = new Bokeh.ColumnDataSource({ data: { x: [], y: [], v: [] } });
    const mapper = new Bokeh.LinearColorMapper({ palette: ["#000000"], low: 0, high: 1 });
    const dots = figure.scatter({ field: "x" }, { field: "y" }, {
      source, size: 5, line_color: null, fill_color: { field: "v", transform: mapper }, fill_alpha: 0.85, nonselection_fill_alpha: 0.07,
    });
    hover.renderers = [dots];
    hover.callback = { execute: (_, { geometry, index }) => showTip(index.indices, geometry) };
    source.selected.change.connect(showSelection);
    plot = { figure, source, mapper, dots, tools, wheel, hover };
    return Bokeh.Plotting.show(figure, part("plot"));
  }

  function draw() {
    const { data, view, layout, colouring } = shown;
    const n = data.about.cells.length;
    const points = data.array(layout.points);
    const [x, y] = [Float32Array.from(points.subarray(0, n), (step) => step / 65535), Float32Array.from(points.subarray(n), (step) => step / 65535)];
    if (colouring.codes) plot.mapper.setv({ palette: colouring.colours, low: -0.5, high: colouring.colours.length - 0.5 });
    else plot.mapper.setv({ palette: ramp(), low: 0, high: 255 });
    plot.dots.glyph.size = Math.max(3, Math.min(8, 160 / Math.sqrt(n)));
    plot.source.data = { x, y, v: colouring.codes ?? colouring.steps };
    // While one moves about that many cells are drawn, and all of them a moment after.
    plot.figure.setv({ lod_threshold: 2 * mostMoving, lod_factor: Math.ceil(n / mostMoving) });
    plot.figure.setv({ background_fill_color: style("--card"), border_fill_color: style("--card"), outline_line_color: style("--rule") });
    showTip([], {});
    showKey();
    showSelection();
    const count = data.about.n_obs === n ? `${whole(n)} cells` : `${whole(n)} of ${whole(data.about.n_obs)} cells, drawn at random`;
    part("status").textContent = `${data.about.dataset}: ${view.model}, seed ${view.seed}, ${layout.title}, coloured by ${colouring.title}; ${count}.`;
  }

  const node = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more);
  const swatch = (colour) => {
    const dot = node("span", "", { className: "swatch" });
    dot.style.background = colour;
    return dot;
  };

  function countGroups(colouring, cells) {
    const counts = new Array(colouring.values.length).fill(0);
    for (const cell of cells) counts[colouring.codes[cell]] += 1;
    return counts;
  }

  function showKey() {
    const { data, colouring } = shown;
    const key = part("key");
    key.replaceChildren(node("h3", colouring.title[0].toUpperCase() + colouring.title.slice(1)));
    if (!colouring.codes) {
      const bar = node("div", "", { className: "ramp" });
      bar.style.background = `linear-gradient(to right, ${ramp().filter((_, i) => i % 15 === 0).join(",")})`;
      const ends = node("p", "", { className: "ends" });
      ends.append(node("span", number(colouring.low)), node("span", number(colouring.high)));
      key.append(bar, ends);
      return;
    }
    const list = node("ul", "");
    const counts = countGroups(colouring, data.about.cells.keys());
    colouring.values.forEach((value, group) => {
      if (counts[group] === 0) return;
      const button = node("button", "", { type: "button", title: "select these cells", onclick: () => select((cell) => colouring.codes[cell] === group) });
      button.append(swatch(colouring.colours[group]), value, node("span", ` ${whole(counts[group])}`, { className: "interval" }));
      const item = node("li", "");
      item.append(button);
      list.append(item);
    });
    key.append(list);
  }

  function showTip(cells, { sx, sy }) {
    const tip = part("tip");
    tip.hidden = cells.length === 0;
    if (tip.hidden) return;
    const { data, view, colouring } = shown;
    const cell = cells[0];
    const lines = groupsOf(data, view).map((column) => [column.title, textAt(column, cell)]);
    if (!colouring.codes) lines.push([colouring.title, textAt(colouring, cell)]);
    const list = node("dl", "");
    for (const [term, text] of lines) list.append(node("dt", term), node("dd", text));
    tip.replaceChildren(node("b", data.about.cells[cell]), ...(data.about.image ? [picture(data, cell)] : []), list);
    if (cells.length > 1) tip.append(node("p", `and ${cells.length - 1} more here`));
    const [width, height] = [part("plot").clientWidth, part("plot").clientHeight];
    tip.style.left = `${sx < width / 2 ? sx + 14 : Math.max(0, sx - 14 - tip.offsetWidth)}px`;
    tip.style.top = `${Math.max(0, Math.min(sy + 8, height - tip.offsetHeight))}px`;
  }

  function picture({ about, array }, cell) {
    const { height, width } = about.image;
    const canvas = node("canvas", "", { width, height });
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    const [grey, n] = [array("pictures"), about.cells.length];
    for (let i = 0; i < width * height; i++) pixels.data.set([grey[i * n + cell], grey[i * n + cell], grey[i * n + cell], 255], 4 * i);
    context.putImageData(pixels, 0, 0);
    return canvas;
  }

  // Selecting.
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
      plot.hover.active = false;  // no looking for cells under the pointer while one drags
    });
    document.addEventListener("pointerup", () => (plot.hover.active = true));
    on("plot", "pointerleave", () => showTip([], {}));
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
})();
