// Runs every audit of the graphql-http package against a program that is started for it:
//
//   npm ci && node audit.mjs PATH/TO/rumbo
//
// An audit that ends in an error or a warning fails the run; so does a run of fewer audits than the package has
// today. A notice is about what a server may do, and is printed.
import { serverAudits } from "graphql-http";
import { prepare } from "../support/program.mjs";

const LEAST = 60;

const audit = async (url) => {
  const totals = { ok: 0, notice: 0, warn: 0, error: 0 };
  for (const { id, name, fn } of serverAudits({ url })) {
    const result = await fn();
    totals[result.status] += 1;
    if (result.status !== "ok") console.log(`${result.status} ${id} ${name}: ${result.reason}`);
  }
  return totals;
};

const program = await prepare("audit");
let failed = true;
try {
  program.command(["migrate"]);
  await program.serve();
  const totals = await audit(`${program.origin}/graphql`);
  const all = Object.values(totals).reduce((sum, count) => sum + count, 0);
  console.log(`${all} audits: ${totals.ok} ok, ${totals.notice} notices, ${totals.warn} warnings, ${totals.error} errors`);
  failed = totals.warn + totals.error > 0 || all < LEAST;
} finally {
  await program.end();
}
process.exitCode = failed ? 1 : 0;
