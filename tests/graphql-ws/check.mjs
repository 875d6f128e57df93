// Speaks to the WebSocket with the client of the graphql-ws package, which knows the protocol better than we do:
//
//   npm ci && node check.mjs PATH/TO/rumbo
//
// The package has no audits for servers. What is checked: queries and mutations, one after the other and side by side,
// subscriptions, errors, pings, credentials, and the codes that the client takes for the end.
import assert from "node:assert/strict";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { prepare, runAll } from "../support/program.mjs";

const MEASURES = "{ measures { measure } }";
const PASSWORD = "tortuga verde en mayo";
const OWN = "subscription { myEnrolments(first: 10) { nodes { state } } }";

const program = await prepare("socket");
const url = `ws://127.0.0.1:${program.port}/graphql`;

const client = (more = {}) => createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, lazy: true, ...more });

const answers = async (of, query, variables) => {
  const all = [];
  for await (const answer of of.iterate({ query, variables })) all.push(answer);
  return all;
};

// The administrator whom the program has from the start.
const signIn = async () => {
  const here = client();
  const query = `mutation { signIn(input: { email: "ada@example.org", password: "${PASSWORD}" }) {
    session { accessToken } userErrors { code }
  } }`;
  const [answer] = await answers(here, query);
  await here.dispose();
  return answer.data.signIn.session.accessToken;
};

const checks = {
  "a query has one answer and is over": async () => {
    const here = client();
    const [answer, ...rest] = await answers(here, MEASURES);
    assert.equal(rest.length, 0);
    assert.ok(answer.data.measures.length > 0);
    await here.dispose();
  },
  "variables reach the operation": async () => {
    const here = client();
    const query = "query ($n: Int!) { editions(first: $n) { nodes { id } } }";
    assert.deepEqual(await answers(here, query, { n: 3 }), [{ data: { editions: { nodes: [] } } }]);
    await here.dispose();
  },
  "a mutation is answered": async () => {
    const here = client();
    const query = 'mutation { signIn(input: { email: "a@example.org", password: "no" }) { userErrors { code } } }';
    const [answer] = await answers(here, query);
    assert.equal(answer.data.signIn.userErrors[0].code, "INVALID_CREDENTIALS");
    await here.dispose();
  },
  "ten operations run side by side on one connection": async () => {
    let opened = 0;
    const here = client({ lazy: false, on: { connected: () => (opened += 1) } });
    const all = await Promise.all(Array.from({ length: 10 }, () => answers(here, MEASURES)));
    assert.ok(all.every(([answer]) => answer.data.measures.length > 0));
    assert.equal(opened, 1);
    await here.dispose();
  },
  "an operation that cannot run is an error, and the connection goes on": async () => {
    const here = client({ lazy: false });
    await assert.rejects(answers(here, "{ nonsense }"), (errors) => typeof errors[0].extensions.code === "string");
    assert.equal((await answers(here, MEASURES)).length, 1);
    await here.dispose();
  },
  "a subscription has its first value at once, and ends when nobody wants it": async () => {
    const authorization = `Bearer ${await signIn()}`;
    const here = client({ lazy: false, connectionParams: { authorization } });
    const values = here.iterate({ query: OWN });
    assert.deepEqual((await values.next()).value, { data: { myEnrolments: { nodes: [] } } });
    assert.equal((await answers(here, MEASURES)).length, 1);
    await values.return();
    assert.equal((await answers(here, MEASURES)).length, 1);
    await here.dispose();
  },
  "a subscription that is not allowed is an error": async () => {
    const here = client({ lazy: false });
    await assert.rejects(answers(here, OWN), (errors) => errors[0].extensions.code === "UNAUTHENTICATED");
    await here.dispose();
  },
  "pings are answered": async () => {
    const heard = new Promise((resolve) => {
      const here = client({
        lazy: false,
        keepAlive: 50,
        on: {
          pong: (received) => {
            if (received) resolve(here);
          },
        },
      });
    });
    await (await heard).dispose();
  },
  "credentials that are not valid are refused with 4403": async () => {
    const here = client({ connectionParams: { authorization: "Bearer nonsense" } });
    await assert.rejects(answers(here, MEASURES), (event) => event.code === 4403);
  },
  "a second introduction is refused with 4429": async () => {
    const socket = new WebSocket(url, "graphql-transport-ws");
    socket.on("open", () => {
      socket.send('{"type":"connection_init"}');
      socket.send('{"type":"connection_init"}');
    });
    assert.equal(await new Promise((resolve) => socket.on("close", resolve)), 4429);
  },
  "another protocol is refused with 4406": async () => {
    const socket = new WebSocket(url);
    assert.equal(await new Promise((resolve) => socket.on("close", resolve)), 4406);
  },
};

let failed = 0;
try {
  program.command(["migrate"]);
  program.command(
    ["admin", "create", "--email", "ada@example.org", "--given-name", "Ada", "--family-name", "Ibarra"],
    `${PASSWORD}\n`,
  );
  await program.serve();
  failed = await runAll(checks);
} finally {
  await program.end();
}
process.exit(failed ? 1 : 0);
