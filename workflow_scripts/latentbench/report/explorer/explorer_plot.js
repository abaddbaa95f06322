// The explorer, second part: Bokeh draws the cells; the key and the cell under the pointer are plain HTML.
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
  hover.callback = { execute: (_, { geometry, index }) => plot.byFinger || showTip(index.indices, geometry) };
  source.selected.change.connect(showSelection);
  figure.on_event("tap", (event) => showTip(nearest(event), event)); // a finger does not hover
  plot = { figure, source, mapper, dots, tools, wheel, hover, byFinger: false };
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

// The cell nearest to a tap, if there is one within a finger's breadth.
function nearest({ x, y }) {
  const { x_range, y_range } = plot.figure;
  const [across, up] = [part("plot").clientWidth / (x_range.end - x_range.start), part("plot").clientHeight / (y_range.end - y_range.start)];
  const data = plot.source.data;
  let [found, least] = [-1, 15 ** 2];
  for (let i = 0; i < data.x.length; i++) {
    const distance = ((data.x[i] - x) * across) ** 2 + ((data.y[i] - y) * up) ** 2;
    if (distance < least) [found, least] = [i, distance];
  }
  return found < 0 ? [] : [found];
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
