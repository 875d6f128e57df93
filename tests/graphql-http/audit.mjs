// Runs every audit of the graphql-http package against a program that is started for it:
//
//   npm ci && node audit.mjs PATH/TO/rumbo
//
// An audit that ends in an error or a warning fails the run; so does a run of fewer audits than the package has
// today. A notice is about what a server may do, and is printed.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serverAudits } from "graphql-http";

const LEAST = 60;
const SECONDS_TO_START = 60;

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

const audit = async (url) => {
  const totals = { ok: 0, notice: 0, warn: 0, error: 0 };
  for (const { id, name, fn } of serverAudits({ url })) {
    const result = await fn();
    totals[result.status] += 1;
    if (result.status !== "ok") console.log(`${result.status} ${id} ${name}: ${result.reason}`);
  }
  return totals;
};

const program = process.argv[2];
if (!program) throw new Error("give the path of the program");
const folder = mkdtempSync(join(tmpdir(), "rumbo-audit-"));
const port = await freePort();
const origin = `http://127.0.0.1:${port}`;
const environment = {
  ...process.env,
  RUMBO_PROFILE: "development",
  RUMBO__DATABASE__URL: `sqlite://${join(folder, "audit.sqlite")}`,
  RUMBO__HTTP__LISTEN: `127.0.0.1:${port}`,
  RUMBO__MAIL__FOLDER: join(folder, "mail"),
  RUMBO__LOG__FILTER: "warn",
};
const run = (command) => spawn(program, [command], { env: environment, cwd: folder, stdio: "inherit" });
let child;
let failed = true;
try {
  const migration = run("migrate");
  const code = await new Promise((resolve) => migration.once("exit", resolve));
  if (code !== 0) throw new Error(`the migration ended with ${code}`);
  child = run("serve");
  await ready(origin, child);
  const totals = await audit(`${origin}/graphql`);
  const all = Object.values(totals).reduce((sum, count) => sum + count, 0);
  console.log(`${all} audits: ${totals.ok} ok, ${totals.notice} notices, ${totals.warn} warnings, ${totals.error} errors`);
  failed = totals.warn + totals.error > 0 || all < LEAST;
} finally {
  if (child && child.exitCode === null) {
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await gone;
  }
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
