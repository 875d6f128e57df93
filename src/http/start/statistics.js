// The statistics: figures, bars by gender and by country, and the report's table.

import { complaints, run } from "./client.js";
import { element } from "./journey.js";

const PERIODS = {
  report: { title: "The annual report 2022 (1 November 2021 to 30 November 2022)", period: { from: "2021-11-01", to: "2022-11-30", rule: "OVERLAPPED" } },
  all: { title: "Everything", period: null },
};
const GENDERS = [["FEMALE", "Women"], ["MALE", "Men"], ["ANOTHER", "Another"], ["NOT_STATED", "Not stated"]];
const TILES = [["participants", "participants"], ["enrolments", "enrolments"], ["institutions", "institutions"], ["countries", "countries"], ["completed", "completed"], ["submitted", "roadmaps and projects"]];
const COLUMNS = [["participants", "Participants"], ["enrolments", "Enrolments"], ["women", "Women"], ["men", "Men"], ["another", "Another"], ["notStated", "Not stated"], ["institutions", "Institutions"], ["countries", "Countries"], ["completed", "Completed"], ["withdrawn", "Withdrawn"], ["submitted", "Submitted"]];

/** The view of the statistics, asked as `role`. */
export function statistics(operations, role) {
  const view = { operations, role, chosen: "report", root: null };
  return { show: (root) => { view.root = root; draw(view); } };
}

async function draw(view) {
  const content = element("div", { "aria-live": "polite" }, element("p", {}, "Asking…"));
  view.root.replaceChildren(heading(view), content);
  const filter = PERIODS[view.chosen].period ? { period: PERIODS[view.chosen].period } : {};
  try {
    const [report, parts] = await Promise.all([ask(view, "AnnualReport", filter), ask(view, "StatisticsByGenderAndCountry", filter)]);
    content.replaceChildren(tiles(report.total), bars(parts), table(report));
  } catch (failure) {
    content.replaceChildren(element("p", { class: "notice" }, failure.message));
  }
}

async function ask(view, name, filter) {
  const { answer } = await run(view.operations.get(name), { filter }, view.role);
  const found = complaints(answer);
  if (found.length > 0) throw new Error(found[0].message);
  return answer.data.statistics;
}

function heading(view) {
  const select = element("select", { id: "period" });
  for (const [key, { title }] of Object.entries(PERIODS)) select.append(new Option(title, key));
  select.value = view.chosen;
  select.addEventListener("change", () => { view.chosen = select.value; draw(view); });
  const label = element("label", { for: "period" }, "Editions of");
  const who = element("p", { class: "note" }, `Two documents, AnnualReport and StatisticsByGenderAndCountry, run as the ${view.role === "you" ? "person who signed in" : view.role}.`);
  return element("div", { class: "heading" }, element("h2", {}, "Who takes part, and what comes of it"), element("div", { class: "controls" }, label, select), who);
}

function tiles(total) {
  const made = TILES.map(([key, title]) => element("div", { class: "tile" }, element("strong", {}, number(total[key])), element("span", {}, title)));
  return element("div", { class: "tiles" }, ...made);
}

function bars({ rows, total }) {
  const genders = GENDERS.map(([key, title]) => ({ title, parts: [{ key, count: sum(rows.filter((row) => row.gender === key)) }] }));
  return element("div", { class: "charts" }, chart("By gender", genders, total), chart("By country", byCountry(rows), total, legend()));
}

function byCountry(rows) {
  const names = new Intl.DisplayNames([document.getElementById("language").value], { type: "region" });
  const groups = Map.groupBy ? Map.groupBy(rows, (row) => row.country) : group(rows);
  const lines = [...groups].map(([country, members]) => ({
    title: country ? names.of(country) : "Not stated",
    parts: GENDERS.map(([key]) => ({ key, count: sum(members.filter((row) => row.gender === key)) })),
    last: !country,
  }));
  if (!groups.has(null)) lines.push({ title: "Not stated", parts: [], last: true });
  return lines.sort((one, other) => Number(one.last) - Number(other.last) || count(other) - count(one) || one.title.localeCompare(other.title));
}

function group(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.country, [...(groups.get(row.country) ?? []), row]);
  return groups;
}

function chart(title, lines, total, ...extra) {
  const most = Math.max(1, ...lines.map(count));
  const made = lines.map((line) => element(
    "tr", {},
    element("th", { scope: "row" }, line.title),
    element("td", { class: "track", "aria-hidden": "true" }, bar(line, most)),
    element("td", { class: "count" }, number(count(line))),
    element("td", { class: "count share" }, share(count(line), total.enrolments)),
  ));
  const foot = element("tfoot", {}, element("tr", {}, element("th", { scope: "row" }, "Total"), element("td", {}), element("td", { class: "count" }, number(total.enrolments)), element("td", { class: "count share" }, share(total.enrolments, total.enrolments))));
  const head = element("thead", { class: "hidden" }, element("tr", {}, ...["Group", "Bar", "Enrolments", "Share"].map((words) => element("th", { scope: "col" }, words))));
  const caption = element("caption", {}, element("span", { class: "chart-title" }, title), ` enrolments`, ...extra);
  return element("table", { class: "chart" }, caption, head, element("tbody", {}, ...made), foot);
}

function bar(line, most) {
  const made = element("div", { class: "bar" });
  for (const { key, count: size } of line.parts.filter((part) => part.count > 0)) {
    const part = element("span", { class: `part ${key.toLowerCase()}`, title: `${GENDERS.find(([one]) => one === key)[1]}: ${size}` });
    part.style.width = `${(size / most) * 100}%`;
    made.append(part);
  }
  return made;
}

function legend() {
  const made = GENDERS.map(([key, title]) => element("span", { class: "entry" }, element("span", { class: `swatch ${key.toLowerCase()}` }), title));
  return element("span", { class: "legend" }, ...made);
}

function table({ rows, total }) {
  const head = element("tr", {}, element("th", { scope: "col" }, "Edition"), ...COLUMNS.map(([, title]) => element("th", { scope: "col" }, title)));
  const line = (title, row) => element("tr", {}, element("th", { scope: "row" }, title), ...COLUMNS.map(([key]) => element("td", {}, number(row[key]))));
  const sorted = [...rows].sort((one, other) => one.edition.code.localeCompare(other.edition.code));
  const made = element(
    "table", { class: "report" },
    element("caption", {}, `The report's table: ${rows.length} editions`),
    element("thead", {}, head),
    element("tbody", {}, ...sorted.map((row) => line(row.edition.code, row))),
    element("tfoot", {}, line("Total", total)),
  );
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The report's table" }, made);
}

function count(line) {
  return line.parts.reduce((all, part) => all + part.count, 0);
}

function sum(rows) {
  return rows.reduce((all, row) => all + row.enrolments, 0);
}

function number(value) {
  return value === null || value === undefined ? "–" : Number(value).toLocaleString("en");
}

function share(part, whole) {
  return whole > 0 ? `${((part / whole) * 100).toFixed(1)} %` : "–";
}
