"use strict";
// Light and dark, tables that sort, animations that move when asked to.
(() => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)"), button = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
    document.dispatchEvent(new Event("themechange"));
  };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* file systems without storage */ }
    show();
  });
  dark.addEventListener("change", show);
  show();

  const SECONDS = { h: 3600, min: 60, s: 1 };
  // Numbers by their value, times by how long they are, then texts; what is not there comes last in both directions.
  const valueOf = (row, column) => {
    const text = row.cells[column].textContent.trim();
    if (/^(–|n\/a|NOT RUN|)$/.test(text)) return null;
    if (/^([\d.]+ (h|min|s)( |$))+$/.test(text))
      return [...text.matchAll(/([\d.]+) (\w+)/g)].reduce((sum, [, number, unit]) => sum + number * SECONDS[unit], 0);
    const number = parseFloat(text.replace("−", "-").replace(/[\s,](?=\d{3}\b)/g, ""));
    return Number.isNaN(number) ? text : number;
  };
  const compared = (one, other) => {
    if (typeof one === "number" && typeof other === "number") return one - other;
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
    return one.localeCompare(other, "en", { numeric: true });
  };
  const sort = (table, column, sign) => {
    const body = table.tBodies[0], rows = [...body.rows].map((row) => [row, valueOf(row, column)]);
    rows.sort(([, one], [, other]) => (one === null || other === null ? (one === null) - (other === null) : sign * compared(one, other)));
    body.append(...rows.map(([row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable"))
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const handle = document.createElement("button");
      handle.type = "button";
      handle.append(...head.childNodes);
      head.append(handle);
      handle.addEventListener("click", () => {
        const isUp = head.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
        sort(table, column, isUp ? 1 : -1);
      });
    });

  // Tables that are wider than their place: what lies to the right fades out, and a line below reports that there is more.
  const watched = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target)));
  const mark = (box) => {
    const room = box.scrollWidth - box.clientWidth, hint = box.nextElementSibling;
    box.classList.toggle("goes-on", room - box.scrollLeft > 1);
    if (hint && hint.classList.contains("more")) hint.hidden = room <= 1;
  };
  for (const box of document.querySelectorAll(".scroll")) {
    watched.observe(box);
    box.addEventListener("scroll", () => mark(box), { passive: true });
  }

  for (const moving of document.querySelectorAll(".moving[data-gif]")) {
    const image = moving.querySelector("img"), still = image.src, switcher = moving.querySelector("button");
    const name = switcher.getAttribute("aria-label").replace(/^Play /, "");
    switcher.addEventListener("click", () => {
      const isMoving = image.src !== still;
      image.src = isMoving ? still : moving.dataset.gif;
      switcher.textContent = isMoving ? "Play" : "Stop";
      switcher.setAttribute("aria-label", `${isMoving ? "Play" : "Stop"} ${name}`);
    });
  }
})();
