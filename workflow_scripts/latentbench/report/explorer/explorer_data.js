// The explorer, first of three parts that the page joins into one: reading what lies packed in the page, and what a cell is.
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
