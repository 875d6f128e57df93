// Starts the program for the checks that are written for Node, in a folder of its own and on a port that nobody has.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve as absolute } from "node:path";

const SECONDS_TO_WAIT = 60;

export const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

// Waits until a look finds something, and gives that.
export const until = async (what, look) => {
  for (let tries = 0; tries < SECONDS_TO_WAIT * 10; tries += 1) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain for ${what}`);
};

// The program whose path the command line names, not yet started. What is added to its settings before it starts counts.
export const prepare = async (name) => {
  if (!process.argv[2]) throw new Error("give the path of the program");
  const path = absolute(process.argv[2]);
  const folder = mkdtempSync(join(tmpdir(), `rumbo-${name}-`));
  const mails = join(folder, "mail");
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const settings = {
    RUMBO_PROFILE: "development",
    RUMBO__DATABASE__URL: `sqlite://${join(folder, `${name}.sqlite`)}`,
    RUMBO__HTTP__LISTEN: `127.0.0.1:${port}`,
    RUMBO__MAIL__FOLDER: mails,
    RUMBO__LOG__FILTER: "warn",
  };
  const place = () => ({ cwd: folder, env: { ...process.env, ...settings } });
  let child;

  // Runs one of its commands to the end, and gives what it printed.
  const command = (words, input) => {
    const done = spawnSync(path, words, { ...place(), input, encoding: "utf8" });
    if (done.error) throw done.error;
    if (done.status !== 0) throw new Error(`${words.join(" ")} ended with ${done.status}: ${done.stderr}`);
    return done.stdout;
  };

  // Starts it, and waits until it is ready.
  const serve = async () => {
    child = spawn(path, ["serve"], { ...place(), stdio: "inherit" });
    await until("the program", () => {
      if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}`);
      return fetch(`${origin}/ready`).then(
        (answer) => answer.ok,
        () => false,
      );
    });
  };

  // Ends it, and removes its folder.
  const end = async () => {
    if (child && child.exitCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  };

  return { folder, mails, port, origin, settings, command, serve, end };
};

// Runs checks one after the other; how many failed.
export const runAll = async (checks) => {
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok ${name}`);
    } catch (failure) {
      failed += 1;
      console.log(`FAILED ${name}:`, failure);
    }
  }
  console.log(`${Object.keys(checks).length} checks, ${failed} failed`);
  return failed;
};
