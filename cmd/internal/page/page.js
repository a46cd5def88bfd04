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
const filter = document.getElementById("filter");
if (filter) {
  const rows = document.querySelectorAll("#audience-rows tr");
  filter.closest("label").hidden = false;
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(words);
  });
}
