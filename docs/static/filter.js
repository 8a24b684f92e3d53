// A field above the tables of a long page: it shows the rows that hold what is typed.
document.addEventListener("DOMContentLoaded", () => {
  const rows = [...document.querySelectorAll("article table tbody tr")];
  if (rows.length < 100) return;
  const tables = new Set(rows.map((row) => row.closest("table")));
  const field = document.createElement("input");
  field.type = "search";
  field.className = "filter";
  field.placeholder = `search ${rows.length} rows`;
  field.setAttribute("aria-label", field.placeholder);
  const count = document.createElement("span");
  count.setAttribute("role", "status");
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    for (const table of tables) {
      const part = table.closest("section");
      const inside = part.querySelectorAll("table").length === 1 ? part : table;
      inside.hidden = !table.querySelector("tbody tr:not([hidden])");
    }
    count.textContent = wanted.length ? ` ${shown} found` : "";
  });
  const first = rows[0].closest("section");
  first.querySelector("h1, h2, h3").after(field, count);
  if (first.parentElement.matches("section")) {
    first.before(field, count); // above all parts, not inside of the first
  }
});
