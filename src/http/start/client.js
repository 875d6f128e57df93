// Speaks to /graphql as one of several people. Access tokens live in this module's memory only; they are
// short, so a refused one is renewed by signing in again, once.

const tokens = new Map();
const people = new Map();
let signInDocument = "";
let language = "en";

/** Who can be acted as, and the document that signs them in. */
export function prepare(persons, operations) {
  for (const person of persons) people.set(person.role, person);
  signInDocument = operations.find((operation) => operation.name === "SignIn")?.document ?? "";
}

/** Acts as somebody who typed their password. */
export async function signIn(role, email, password) {
  people.set(role, { role, name: email, email, password });
  tokens.delete(role);
  try {
    await token(role);
  } catch (failure) {
    people.delete(role);
    throw failure;
  }
}

/** The language that answers are asked in. */
export function speak(tag) {
  language = tag;
}

/** Runs a document as `role`, or as nobody; gives the answer, the HTTP status and the milliseconds it took. */
export async function run(operation, variables, role) {
  const bearer = role ? await token(role) : null;
  const first = await post(operation.document, variables, operation.name, bearer);
  if (!bearer || !isRefused(first)) return first;
  tokens.delete(role);
  return post(operation.document, variables, operation.name, await token(role));
}

/** The token of `role`; those who ask at the same time wait for the same one. */
function token(role) {
  if (!tokens.has(role)) {
    const fresh = freshToken(role);
    tokens.set(role, fresh);
    fresh.catch(() => tokens.delete(role));
  }
  return tokens.get(role);
}

async function freshToken(role) {
  const person = people.get(role);
  if (!person) throw new Error("Sign in first, or run as nobody.");
  const variables = { input: { email: person.email, password: person.password } };
  const { answer } = await post(signInDocument, variables, "SignIn", null);
  const fresh = answer.data?.signIn?.session?.accessToken;
  if (!fresh) throw new Error(complaints(answer)[0]?.message ?? "Signing in failed.");
  return fresh;
}

async function post(query, variables, operationName, bearer) {
  const headers = { "Content-Type": "application/json", "Accept-Language": language };
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const started = performance.now();
  const response = await fetch("/graphql", {
    method: "POST",
    headers,
    body: JSON.stringify({ query, variables, operationName }),
  });
  const text = await response.text();
  const milliseconds = performance.now() - started;
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = { errors: [{ message: text || response.statusText }] };
  }
  return { answer, status: response.status, milliseconds };
}

function isRefused({ answer, status }) {
  return status === 401 || answer.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED");
}

/** Everything that an answer complains about: errors, and what the user can put right. */
export function complaints(answer) {
  const payloads = Object.values(answer.data ?? {});
  return [...(answer.errors ?? []), ...payloads.flatMap((payload) => payload?.userErrors ?? [])];
}
