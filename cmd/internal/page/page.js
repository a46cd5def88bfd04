"use strict";
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = button.previousElementSibling;
    let done = "Copied";
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      done = "Selected";
    }
    button.textContent = done;
    document.getElementById("said").textContent = done + ": " + code.textContent;
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
const made = document.querySelector("time[data-made]");
const old = document.getElementById("old");
if (made && old) {
  const hours = (Date.now() - Date.parse(made.dateTime)) / 36e5;
  if (hours >= 3) {
    old.hidden = false;
    old.textContent = "This page is " + (hours < 48 ? Math.round(hours) + " hours" : Math.round(hours / 24) + " days") +
      " old: all times on it are as of then.";
  }
}
// Where the head of a column leads to the SQL of its numbers, so do the numbers.
document.addEventListener("click", (event) => {
  const cell = event.target.closest("td.n");
  const link = cell && cell.closest("table").querySelector("thead")?.rows[0].cells[cell.cellIndex]?.querySelector("a.q");
  if (link && !event.target.closest("a")) link.click();
});
// Not every browser opens what hides the target of a link.
function reveal() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  const around = target && target.closest("details");
  if (around && !around.open) {
    around.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", reveal);
reveal();
const filter = document.getElementById("filter");
if (filter) {
  const rows = document.querySelectorAll("#audience-rows tr");
  filter.closest("label").hidden = false;
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(words);
  });
}
