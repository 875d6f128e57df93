// Puts the page together: its tabs, the language of answers, and signing in where there is nobody to act as.

import { prepare, signIn, speak } from "./client.js";
import { element, journey } from "./journey.js";
import { statistics } from "./statistics.js";
import { know } from "./values.js";

const ROLE_NAMES = { participant: "Participant", tutor: "Tutor", coordinator: "Coordinator", you: "Yourself" };

const page = await (await fetch("/start.json")).json();
const byName = new Map(page.operations.map((operation) => [operation.name, operation]));
const roles = page.people.length > 0 ? page.people.map((person) => person.role) : ["you"];
const actors = roles.map((role) => ({ role, name: actorName(role) }));
const main = document.getElementById("main");
const tabs = [...page.journeys.map(ofJourney), statisticsTab(), everything()];

prepare(page.people, page.operations);
know(page.ids);
listTabs();
chooseLanguage();
offerSignIn();
open();
window.addEventListener("hashchange", open);

function actorName(role) {
  const person = page.people.find((one) => one.role === role);
  return person ? `${ROLE_NAMES[role] ?? role}: ${person.name}` : ROLE_NAMES[role];
}

function ofJourney(plan) {
  const steps = plan.steps.map((step) => ({ ...step, document: byName.get(step.operation) }));
  return { id: plan.role, title: plan.title, view: journey({ ...plan, steps }, actors) };
}

function statisticsTab() {
  const role = roles.includes("coordinator") ? "coordinator" : roles[0];
  return { id: "statistics", title: "Statistics", view: statistics(byName, role) };
}

function everything() {
  const steps = page.operations.map((operation) => ({
    operation: operation.name,
    title: operation.name,
    document: operation,
    variables: skeleton(operation.document),
  }));
  const summary = "Every document of graphql/operations, ready to be filled in and run.";
  return { id: "documents", title: "All documents", view: journey({ role: "documents", summary, steps }, actors) };
}

/** The variables that a document needs, to be filled in. */
function skeleton(text) {
  const head = text.slice(0, text.indexOf("{"));
  const needed = [...head.matchAll(/\$(\w+):\s*([[\]\w!]+)!(?=[,)\s])/g)];
  return Object.fromEntries(needed.map(([, name, type]) => [name, blank(type)]));
}

function blank(type) {
  if (type.startsWith("[")) return [];
  if (type === "Int") return 10;
  return type === "ID" || type === "String" ? "" : {};
}

function listTabs() {
  const list = document.getElementById("tabs");
  for (const tab of tabs) {
    const button = element("button", { type: "button", role: "tab", id: `tab-${tab.id}`, "aria-controls": "main" }, tab.title);
    button.addEventListener("click", () => { location.hash = tab.id; });
    list.append(button);
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const buttons = [...list.children];
    const next = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    buttons[next].focus();
    buttons[next].click();
  });
}

/** Opens what the address names: `#tab` or `#tab/step`. */
function open() {
  const [id, step] = location.hash.slice(1).split("/");
  const tab = tabs.find((one) => one.id === id) ?? tabs[0];
  for (const one of tabs) {
    const button = document.getElementById(`tab-${one.id}`);
    button.setAttribute("aria-selected", String(one === tab));
    button.tabIndex = one === tab ? 0 : -1;
  }
  main.setAttribute("role", "tabpanel");
  main.setAttribute("aria-labelledby", `tab-${tab.id}`);
  document.title = `${tab.title} · Rumbo`;
  tab.view.show(main, Number(step) || 0);
}

function chooseLanguage() {
  const select = document.getElementById("language");
  const own = navigator.language.slice(0, 2);
  if ([...select.options].some((option) => option.value === own)) select.value = own;
  speak(select.value);
  select.addEventListener("change", () => {
    speak(select.value);
    if (location.hash === "#statistics") open();
  });
}

function offerSignIn() {
  if (page.people.length > 0) return;
  const form = document.getElementById("sign-in");
  const state = document.getElementById("sign-in-state");
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const email = form.elements.email.value;
    try {
      await signIn("you", email, form.elements.password.value);
      form.reset();
      state.textContent = `Signed in as ${email}.`;
      open();
    } catch (failure) {
      state.textContent = failure.message;
    }
  });
}
