// One journey: its steps at the left, the chosen step's document and variables, and the answer beside them.

import { complaints, run } from "./client.js";
import { capture, fill } from "./values.js";

const GRAPHQL = /(#.*)|("(?:[^"\\]|\\.)*")|(\$\w+)|\b(query|mutation|fragment|on)\b|\b([A-Z]\w*)\b/g;
const JSON_TEXT = /("(?:[^"\\]|\\.)*")(?=\s*:)|("(?:[^"\\]|\\.)*")|\b(true|false|null)\b|(-?\d[\d.eE+-]*)/g;
const GRAPHQL_CLASSES = ["comment", "string", "variable", "keyword", "type"];
const JSON_CLASSES = ["key", "string", "keyword", "number"];

/** Makes an element with attributes and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** A view of `plan`; `actors` are the people that one may act as. */
export function journey(plan, actors) {
  const steps = plan.steps.map((step) => ({ ...step, actor: defaultActor(step, plan, actors), text: null, result: null }));
  const view = { plan, actors, steps, at: 0, root: null };
  return { show: (root, number) => show(view, root, number) };
}

function defaultActor(step, plan, actors) {
  const wanted = step.as ?? plan.role;
  return (actors.find((actor) => actor.role === wanted) ?? actors[0]).role;
}

function show(view, root, number) {
  view.root = root;
  if (number >= 1 && number <= view.steps.length) view.at = number - 1;
  draw(view);
  const first = view.steps[0];
  const isDemo = view.actors.length > 1 && view.plan.role !== "documents";
  if (isDemo && view.at === 0 && !first.result && !first.busy && first.document?.kind === "query") perform(view, first);
}

function draw(view) {
  const summary = element("p", { class: "summary" }, view.plan.summary);
  const layout = element("div", { class: "journey" }, list(view), detail(view));
  const scrolled = view.root.querySelector(".steps ol")?.scrollTop ?? 0;
  view.root.replaceChildren(summary, layout);
  view.root.querySelector(".steps ol").scrollTop = scrolled;
}

function list(view) {
  const items = view.steps.map((step, place) => {
    const mark = step.result ? (step.result.good ? "done" : "failed") : "open";
    const current = place === view.at ? "step" : null;
    const button = element(
      "button",
      { type: "button", class: `step ${mark}`, "aria-current": current },
      element("span", { class: "number", "aria-hidden": "true" }, step.result?.good ? "✓" : String(place + 1)),
      element("span", { class: "words" }, step.title, ...(step.title === step.operation ? [] : [element("small", {}, step.operation)])),
      element("span", { class: "hidden" }, { done: "done", failed: "failed", open: "" }[mark]),
    );
    button.addEventListener("click", () => go(view, place));
    return element("li", {}, button);
  });
  const all = view.plan.role === "documents" ? [] : [plain("Run all from here", () => performAll(view))];
  return element("nav", { class: "steps", "aria-label": "Steps" }, element("ol", {}, ...items), ...all);
}

function go(view, place) {
  view.at = place;
  history.replaceState(null, "", `#${view.plan.role}/${place + 1}`);
  draw(view);
  view.root.querySelector(".step[aria-current]")?.scrollIntoView({ block: "nearest" });
  view.root.querySelector("button.primary")?.focus({ preventScroll: true });
}

function detail(view) {
  const step = view.steps[view.at];
  const title = element("h2", {}, `${view.at + 1}. ${step.title}`);
  const note = element("p", { class: "note" }, [step.document?.comment, step.note].filter(Boolean).join(" "));
  const asked = element("div", { class: "asked" }, title, note, controls(view, step), documentOf(step), ...variablesOf(view, step));
  return element("section", { class: "detail", "aria-label": step.title }, asked, answerOf(step));
}

function documentOf(step) {
  const text = step.document?.document ?? `There is no document named ${step.operation}.`;
  const label = `The document ${step.operation}`;
  return element("pre", { class: "code document", tabindex: "0", role: "region", "aria-label": label }, ...coloured(text.trimEnd(), GRAPHQL, GRAPHQL_CLASSES));
}

function variablesOf(view, step) {
  const missing = new Set();
  const text = step.text ?? pretty(fill(step.variables, missing));
  const rows = String(Math.min(18, Math.max(2, text.split("\n").length)));
  const area = element("textarea", { class: "code", rows, spellcheck: "false", id: "variables" });
  area.value = text;
  area.addEventListener("input", () => { step.text = area.value; });
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) perform(view, step);
  });
  const hint = step.text === null && missing.size > 0 ? `Comes from an earlier step: ${[...missing].map((name) => `$${name}`).join(", ")}.` : "";
  const label = element("label", { for: "variables", class: "caption" }, "Variables (Ctrl+Enter runs)");
  return [label, area, element("p", { class: "hint" }, hint)];
}

function controls(view, step) {
  const select = element("select", { id: "actor" });
  for (const actor of view.actors) select.append(new Option(actor.name, actor.role));
  select.append(new Option("Nobody", ""));
  select.value = step.actor;
  select.addEventListener("change", () => { step.actor = select.value; });
  const runButton = element("button", { type: "button", class: "primary", disabled: Boolean(step.busy) }, step.busy ? "Running…" : "Run");
  runButton.addEventListener("click", () => perform(view, step));
  const buttons = [element("label", { for: "actor" }, "Run as"), select, runButton];
  if (step.text !== null) buttons.push(plain("Reset variables", () => { step.text = null; draw(view); }));
  if (view.at + 1 < view.steps.length) buttons.push(plain("Next step", () => go(view, view.at + 1)));
  return element("div", { class: "controls" }, ...buttons);
}

function plain(title, act) {
  const button = element("button", { type: "button" }, title);
  button.addEventListener("click", act);
  return button;
}

function answerOf(step) {
  const head = element("p", { class: "status", role: "status" }, ...statusOf(step.result));
  const text = step.result ? pretty(step.result.answer) : "The answer appears here.";
  const colours = step.result ? coloured(text, JSON_TEXT, JSON_CLASSES) : [text];
  const label = "The answer";
  return element("div", { class: "answer" }, head, element("pre", { class: "code", tabindex: "0", role: "region", "aria-label": label }, ...colours));
}

function statusOf(result) {
  if (!result) return [element("span", { class: "badge" }, "Not run yet")];
  const found = complaints(result.answer);
  const codes = found.map((one) => one.code ?? one.extensions?.code ?? "ERROR");
  const words = result.good ? "OK" : [...new Set(codes)].join(", ") || "ERROR";
  const facts = result.status ? `HTTP ${result.status} · ${result.milliseconds.toFixed(1)} ms · as ${result.actor || "nobody"}` : "";
  return [element("span", { class: `badge ${result.good ? "good" : "bad"}` }, words), ` ${facts}`];
}

async function performAll(view) {
  for (let place = view.at; place < view.steps.length; place += 1) {
    go(view, place);
    await perform(view, view.steps[place]);
    if (!view.steps[place].result.good || view.at !== place) return;
  }
}

async function perform(view, step) {
  if (step.busy) return;
  step.busy = true;
  refresh(view, step);
  step.result = await attempt(step);
  step.busy = false;
  capture(step.result.good ? step.capture : null, step.result.answer);
  refresh(view, step);
}

/** Draws a step again, if it is still the one that is looked at. */
function refresh(view, step) {
  if (!view.root.querySelector(".journey") || view.steps[view.at] !== step) return;
  if (view.root.getAttribute("aria-labelledby") !== `tab-${view.plan.role}`) return;
  const focus = document.activeElement?.id || document.activeElement?.className;
  draw(view);
  if (focus === "primary") view.root.querySelector("button.primary").focus({ preventScroll: true });
  if (focus === "variables") view.root.querySelector("#variables").focus({ preventScroll: true });
}

async function attempt(step) {
  const missing = new Set();
  try {
    const variables = fill(step.text === null ? step.variables : JSON.parse(step.text || "{}"), missing);
    if (missing.size > 0) throw new Error(`No value yet for ${[...missing].join(", ")}: an earlier step's answer gives it.`);
    if (!step.document) throw new Error(`There is no document named ${step.operation}.`);
    const outcome = await run(step.document, variables, step.actor);
    return { ...outcome, actor: step.actor, good: outcome.status === 200 && complaints(outcome.answer).length === 0 };
  } catch (failure) {
    return { answer: { errors: [{ message: failure.message }] }, good: false };
  }
}

function pretty(value) {
  return JSON.stringify(value, null, 2);
}

/** `text` with what `pattern` finds in spans, whose class says which of its groups matched. */
function coloured(text, pattern, classes) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const kind = classes[match.slice(1).findIndex((group) => group !== undefined)];
    parts.push(text.slice(end, match.index), element("span", { class: kind }, match[0]));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}
