"use strict";
// Filters and copy buttons. The page is complete without this.
(() => {
  const form = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const items = [...document.querySelectorAll(".item")];
  const kernels = items.filter((item) => item.closest("#kernels") || item.matches("#sweeps tr:not(.detail)"));
  const timings = items.filter((item) => item.closest("#timings"));

  const apply = () => {
    const want = Object.fromEntries(new FormData(form));
    const operator = want.o.trim().toLowerCase();
    const matches = (element) => {
      const { b, o, d, v } = element.dataset;
      return (!want.b || b === undefined || b === want.b) && (!operator || o === undefined || o.toLowerCase().includes(operator)) &&
        (!want.d || d === undefined || d === want.d) && (!want.v || v === undefined || v === want.v);
    };
    for (const item of items) item.hidden = !matches(item);
    for (const row of document.querySelectorAll("tr.auto, tbody.auto")) row.hidden = !row.querySelector(".item:not([hidden])");
    // Columns of the matrix: a heading over several counts those that are left.
    for (const cell of document.querySelectorAll("#matrix td, #matrix th[data-d]"))
      cell.hidden = (want.b && cell.dataset.b !== want.b) || (want.d && cell.dataset.d !== want.d);
    for (const heading of document.querySelectorAll("#matrix th[data-group]")) {
      const left = [...document.querySelectorAll("#matrix th[data-d]")]
        .filter((cell) => cell.dataset.b === heading.dataset.b && !cell.hidden).length;
      heading.hidden = left === 0;
      if (left) heading.colSpan = left;
    }
    for (const section of document.querySelectorAll("section.auto"))
      section.hidden = !section.querySelector(".item:not([hidden])");
    const counts = [[kernels, "kernels"], [timings, "timings"]].filter(([all]) => all.length);
    const left = counts.map(([all, what]) => [all.filter((item) => !item.hidden).length, all.length, what]);
    shown.textContent = left.every(([some]) => some === 0) ? "Nothing matches: clear the filter." : left.map(([some, all, what]) => `${some} of ${all} ${what}`).join(", ");
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  form.hidden = false;
  apply();

  const copy = async (pre) => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(pre);
      return document.execCommand("copy");
    }
  };
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.textContent = await copy(button.parentElement.querySelector("pre")) ? "Copied" : "Select and copy";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
})();
