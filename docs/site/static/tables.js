// Tables of class "sortable": a click on a heading sorts, and a column of "yes" and "no" can narrow the rows.
"use strict";

const textOf = (row, column) => row.cells[column].textContent.trim();

function sortBy(table, column) {
  const headings = table.tHead.rows[0].cells;
  const rows = [...table.tBodies[0].rows];
  const isNumber = rows.every((row) => textOf(row, column) === "-" || !Number.isNaN(Number(textOf(row, column))));
  const [first, second] = isNumber ? ["descending", "ascending"] : ["ascending", "descending"];
  const order = headings[column].getAttribute("aria-sort") === first ? second : first;
  for (const heading of headings) heading.removeAttribute("aria-sort");
  headings[column].setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  rows.sort((one, other) => {
    const [left, right] = [textOf(one, column), textOf(other, column)];
    if (left === "-" || right === "-") return (left === "-") - (right === "-"); // what was not measured stands last
    return sign * (isNumber ? left - right : left.localeCompare(right));
  });
  table.tBodies[0].append(...rows);
}

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, column));
    heading.replaceChildren(button);
  });
}

function narrow(table, choices) {
  for (const row of table.tBodies[0].rows) {
    row.hidden = choices.some(({ column, select }) => select.value && textOf(row, column) !== select.value);
  }
}

function addChoices(table) {
  const rows = [...table.tBodies[0].rows];
  const line = document.createElement("form");
  line.className = "choices";
  const choices = [];
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    if (!rows.every((row) => ["yes", "no"].includes(textOf(row, column)))) return;
    const select = document.createElement("select");
    for (const [value, text] of [["", "any"], ["yes", "yes"], ["no", "no"]]) select.add(new Option(text, value));
    const label = document.createElement("label");
    label.append(heading.textContent.trim(), " ", select);
    line.append(label);
    choices.push({ column, select });
  });
  if (!choices.length) return;
  line.addEventListener("change", () => narrow(table, choices));
  (table.closest(".table-wrapper") || table).before(line);
}

document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.sortable")) {
    addChoices(table);
    makeSortable(table);
  }
});
