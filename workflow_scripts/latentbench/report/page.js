// Sort a table by the column whose header button was pressed; cells without a number come last, whichever way.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const header = button.closest("th");
    const body = header.closest("table").tBodies[0];
    const column = header.cellIndex;
    const falling = header.getAttribute("aria-sort") ? header.getAttribute("aria-sort") === "ascending" : header.classList.contains("number");
    for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const compare = (a, b) => (isNaN(a) || isNaN(b) ? String(a).localeCompare(String(b)) : a - b);
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return falling ? compare(y, x) : compare(x, y);
    });
    body.append(...rows);
  });
}

// The figure browser: two choices narrow the list, an entry that is opened shows its figure, copied from its place in the page.
(() => {
  const [group, name] = [document.getElementById("figures-group"), document.getElementById("figures-name")];
  const entries = [...document.querySelectorAll(".figure-entry")];
  const show = (entry) => {
    const place = entry.querySelector(".figure-shown");
    if (!entry.open || !entry.dataset.figure || place.childElementCount > 0) return;
    const copy = document.querySelector(`#${CSS.escape(entry.dataset.figure)} svg`).cloneNode(true);
    for (const part of copy.querySelectorAll("[id]")) part.removeAttribute("id"); // what refers to one finds it in the original
    place.append(copy);
  };
  const narrow = () => {
    const fits = (entry) => ["", entry.dataset.name].includes(name.value) && ["", entry.parentElement.dataset.group].includes(group.value);
    const fitting = entries.filter(fits);
    for (const entry of entries) entry.hidden = !fits(entry);
    for (const each of document.querySelectorAll(".figure-group")) each.hidden = !fitting.some((entry) => entry.parentElement === each);
    document.getElementById("figures-count").textContent = `${fitting.length} figure${fitting.length === 1 ? "" : "s"}`;
    if (fitting.length === 1) fitting[0].open = true;
  };
  for (const control of [group, name]) control.addEventListener("change", narrow);
  for (const entry of entries) entry.addEventListener("toggle", () => show(entry));
  document.getElementById("figures-choice").hidden = false;
  narrow();
})();
