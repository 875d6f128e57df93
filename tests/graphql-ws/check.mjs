// Speaks to the WebSocket with the client of the graphql-ws package, which knows the protocol better than we do:
//
//   npm ci && node check.mjs PATH/TO/rumbo
//
// The package has no audits for servers. What is checked: queries and mutations, one after the other and side by side,
// errors, pings, credentials, and the codes that the client takes for the end.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve as absolute } from "node:path";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const SECONDS_TO_START = 60;
const MEASURES = "{ measures { measure } }";

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

const ready = async (origin, child) => {
  for (let tries = 0; tries < SECONDS_TO_START * 10; tries += 1) {
    if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}`);
    try {
      if ((await fetch(`${origin}/ready`)).ok) return;
    } catch {
      // Nobody listens yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the program does not become ready");
};

const client = (url, more = {}) => createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, lazy: true, ...more });

const answers = async (of, query, variables) => {
  const all = [];
  for await (const answer of of.iterate({ query, variables })) all.push(answer);
  return all;
};

const checks = {
  "a query has one answer and is over": async (url) => {
    const here = client(url);
    const [answer, ...rest] = await answers(here, MEASURES);
    assert.equal(rest.length, 0);
    assert.ok(answer.data.measures.length > 0);
    await here.dispose();
  },
  "variables reach the operation": async (url) => {
    const here = client(url);
    const query = "query ($n: Int!) { editions(first: $n) { nodes { id } } }";
    assert.deepEqual(await answers(here, query, { n: 3 }), [{ data: { editions: { nodes: [] } } }]);
    await here.dispose();
  },
  "a mutation is answered": async (url) => {
    const here = client(url);
    const query = 'mutation { signIn(input: { email: "a@example.org", password: "no" }) { userErrors { code } } }';
    const [answer] = await answers(here, query);
    assert.equal(answer.data.signIn.userErrors[0].code, "INVALID_CREDENTIALS");
    await here.dispose();
  },
  "ten operations run side by side on one connection": async (url) => {
    let opened = 0;
    const here = client(url, { lazy: false, on: { connected: () => (opened += 1) } });
    const all = await Promise.all(Array.from({ length: 10 }, () => answers(here, MEASURES)));
    assert.ok(all.every(([answer]) => answer.data.measures.length > 0));
    assert.equal(opened, 1);
    await here.dispose();
  },
  "an operation that cannot run is an error, and the connection goes on": async (url) => {
    const here = client(url, { lazy: false });
    await assert.rejects(answers(here, "{ nonsense }"), (errors) => typeof errors[0].extensions.code === "string");
    assert.equal((await answers(here, MEASURES)).length, 1);
    await here.dispose();
  },
  "pings are answered": async (url) => {
    const heard = new Promise((resolve) => {
      const here = client(url, {
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
  "credentials that are not valid are refused with 4403": async (url) => {
    const here = client(url, { connectionParams: { authorization: "Bearer nonsense" } });
    await assert.rejects(answers(here, MEASURES), (event) => event.code === 4403);
  },
  "a second introduction is refused with 4429": async (url) => {
    const socket = new WebSocket(url, "graphql-transport-ws");
    socket.on("open", () => {
      socket.send('{"type":"connection_init"}');
      socket.send('{"type":"connection_init"}');
    });
    assert.equal(await new Promise((resolve) => socket.on("close", resolve)), 4429);
  },
  "another protocol is refused with 4406": async (url) => {
    const socket = new WebSocket(url);
    assert.equal(await new Promise((resolve) => socket.on("close", resolve)), 4406);
  },
};

const program = process.argv[2];
if (!program) throw new Error("give the path of the program");
const folder = mkdtempSync(join(tmpdir(), "rumbo-socket-"));
const port = await freePort();
const origin = `http://127.0.0.1:${port}`;
const environment = {
  ...process.env,
  RUMBO_PROFILE: "development",
  RUMBO__DATABASE__URL: `sqlite://${join(folder, "socket.sqlite")}`,
  RUMBO__HTTP__LISTEN: `127.0.0.1:${port}`,
  RUMBO__MAIL__FOLDER: join(folder, "mail"),
  RUMBO__LOG__FILTER: "warn",
};
const child = spawn(absolute(program), ["serve"], { env: environment, cwd: folder, stdio: "inherit" });
let failed = 0;
try {
  await ready(origin, child);
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check(`ws://127.0.0.1:${port}/graphql`);
      console.log(`ok ${name}`);
    } catch (failure) {
      failed += 1;
      console.log(`FAILED ${name}:`, failure);
    }
  }
  console.log(`${Object.keys(checks).length} checks, ${failed} failed`);
} finally {
  if (child.exitCode === null) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  }
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
