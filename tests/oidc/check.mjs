// Signs in to the program with oidc-provider, a certified provider of OpenID Connect, as a browser and a front end would:
//
//   npm ci && node check.mjs PATH/TO/rumbo
//
// Forged ID tokens, which an honest provider never gives, and what time changes are in tests/identity/.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createHmac } from "node:crypto";
import { freePort, prepare, runAll, until } from "../support/program.mjs";
import { startProvider, visit } from "./provider.mjs";

const PASSWORD = "tortuga verde en mayo";

const program = await prepare("oidc");
const { mails, origin } = program;
const callback = `${origin}/auth/callback`;
const accounts = {};
const provider = await startProvider(callback, accounts);
const silent = await freePort();

const operations = join(dirname(fileURLToPath(import.meta.url)), "../../graphql/operations");
const documents = readdirSync(operations).map((file) => readFileSync(join(operations, file), "utf8"));

// Runs a committed operation; gives its one field, or the code of its refusal.
const run = async (name, input, token, language = "en") => {
  const query = documents.find((text) => new RegExp(`^(query|mutation) ${name}\\b`, "m").test(text));
  assert.ok(query, `there is no operation ${name}`);
  const headers = { "content-type": "application/json", "accept-language": language };
  if (token) headers.authorization = `Bearer ${token}`;
  const body = JSON.stringify({ query, operationName: name, variables: input ? { input } : {} });
  const answer = await (await fetch(`${origin}/graphql`, { method: "POST", headers, body })).json();
  if (answer.errors) return { refused: answer.errors[0].extensions.code };
  return Object.values(answer.data)[0];
};

const errors = (payload) => (payload.userErrors ?? []).map((error) => `${error.code} ${error.path.join(".")}`);

const begin = async (key) => {
  const { signIn } = await run("BeginProviderSignIn", { provider: key });
  assert.equal(signIn.expiresIn, 600);
  return signIn;
};

// What a front end sends after the browser came back.
const brought = (signIn, back) => ({
  handle: signIn.handle,
  state: back.state,
  code: back.code,
  issuer: back.iss,
});

// What comes of a sign-in, and the handle of it.
const arrive = async (key, login) => {
  const begun = await begin(key);
  const back = await visit(begun.url, callback, login);
  return [await run("CompleteProviderSignIn", brought(begun, back)), begun.handle];
};

const signIn = async (key, login) => (await arrive(key, login))[0];

const session = (payload) => {
  assert.deepEqual(errors(payload), []);
  assert.equal(payload.outcome, "SIGNED_IN");
  return payload.session.accessToken;
};

// The newest message to an address that has a link to this page, and its token.
const token = (address, page) =>
  until(`a message to ${address}`, () => {
    for (const file of readdirSync(mails).sort().reverse()) {
      const text = readFileSync(join(mails, file), "utf8").replace(/=\r?\n/g, "").replace(/=3D/g, "=");
      const found = new RegExp(`/${page}\\?token=([A-Za-z0-9_-]+)`).exec(text);
      if (found && new RegExp(`^To: .*${address}`, "m").test(text)) {
        rmSync(join(mails, file));
        return found[1];
      }
    }
    return undefined;
  });

const member = async (email) => {
  const input = { email, password: PASSWORD, givenName: "Ana", familyName: "Paz", language: "EN", timeZone: "UTC" };
  assert.deepEqual(errors(await run("RegisterPerson", input)), []);
  assert.deepEqual(errors(await run("ConfirmEmail", { token: await token(email, "confirm") })), []);
  return (await run("SignIn", { email, password: PASSWORD })).session.accessToken;
};

const me = async (access) => (await run("Viewer", undefined, access)).person;

const code = (secret) => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const tag = createHmac("sha1", bytes).update(step).digest();
  const offset = tag[19] & 15;
  return String((tag.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
};

const checks = {
  "the providers are listed in the language of the request": async () => {
    assert.deepEqual(
      (await run("IdentityProviders")).map(({ key, name }) => `${key} ${name}`),
      ["plain Campus", "silent Nobody", "strong Strong", "trusted Ministry"],
    );
    const spanish = await run("IdentityProviders", undefined, undefined, "es");
    assert.equal(spanish[3].name, "Ministerio");
  },
  "a new identity of a trusted provider gets an account, and the same one again": async () => {
    accounts.bea = {
      email: "Bea@Example.org",
      email_verified: true,
      given_name: "Bea",
      family_name: "Gómez",
      locale: "pt-BR",
      zoneinfo: "America/Sao_Paulo",
    };
    const first = await me(session(await signIn("trusted", "bea")));
    assert.deepEqual(
      [first.email, first.givenName, first.familyName, first.language, first.timeZone],
      ["bea@example.org", "Bea", "Gómez", "PT", "America/Sao_Paulo"],
    );
    accounts.bea.email = "other@example.org";
    const again = session(await signIn("trusted", "bea"));
    assert.equal((await me(again)).id, first.id, "the identity counts, not the address");
    const { identities } = await run("MyIdentities", undefined, again);
    assert.deepEqual(identities.map((one) => one.provider), ["trusted"]);
    const refused = await run("UnlinkIdentity", { identityId: identities[0].id }, again);
    assert.deepEqual(errors(refused), ["LAST_WAY_IN input.identityId"]);
  },
  "elsewhere the mailbox decides, with one answer for addresses with and without an account": async () => {
    const ana = await me(await member("ana@example.org"));
    accounts.ana = { email: "ana@example.org", email_verified: true, name: "Somebody Else" };
    accounts.eva = { email: "eva@example.org", email_verified: true, name: "Eva Luz Soto" };
    const [known, ofAna] = await arrive("plain", "ana");
    const [unknown, ofEva] = await arrive("plain", "eva");
    assert.deepEqual(known, unknown);
    assert.deepEqual(
      [known.outcome, known.session, known.challenge, errors(known)],
      ["CONFIRM_BY_MAIL", null, null, []],
    );
    for (const [address, handle, other] of [
      ["ana@example.org", ofAna, ofEva],
      ["eva@example.org", ofEva, ofAna],
    ]) {
      const proof = { token: await token(address, "confirm-identity"), handle };
      const elsewhere = await run("ConfirmIdentityLink", { ...proof, handle: other });
      assert.deepEqual(errors(elsewhere), ["INVALID_TOKEN input.handle"]);
      assert.deepEqual(await run("ConfirmIdentityLink", proof), { confirmed: true, userErrors: [] });
      assert.deepEqual(errors(await run("ConfirmIdentityLink", proof)), ["INVALID_TOKEN input.token"]);
    }
    assert.equal((await me(session(await signIn("plain", "ana")))).id, ana.id);
    const eva = await me(session(await signIn("plain", "eva")));
    assert.deepEqual([eva.givenName, eva.familyName], ["Eva", "Luz Soto"]);
  },
  "a trusted provider does not open an account that there is": async () => {
    await member("fia@example.org");
    accounts.fia = { email: "fia@example.org", email_verified: true };
    assert.equal((await signIn("trusted", "fia")).outcome, "CONFIRM_BY_MAIL");
  },
  "the owner links an identity by the password": async () => {
    const access = await member("gil@example.org");
    accounts.gil = { email: "elsewhere@example.org", email_verified: false };
    const wrong = await run("BeginIdentityLink", { provider: "plain", currentPassword: "elefante azul" }, access);
    assert.deepEqual(errors(wrong), ["INVALID_CREDENTIALS input.currentPassword"]);
    const { signIn: begun } = await run("BeginIdentityLink", { provider: "plain", currentPassword: PASSWORD }, access);
    const back = brought(begun, await visit(begun.url, callback, "gil"));
    const { identity } = await run("LinkIdentity", back, access);
    assert.equal(identity.providerName, "Campus");
    const entered = session(await signIn("plain", "gil"));
    assert.equal((await me(entered)).email, "gil@example.org");
    const end = { identityId: identity.id, currentPassword: PASSWORD };
    assert.equal((await run("UnlinkIdentity", end, access)).unlinked, true);
    assert.equal((await run("Viewer", undefined, entered)).refused, "UNAUTHENTICATED", "other sessions end");
    assert.deepEqual(errors(await signIn("plain", "gil")), ["ADDRESS_NOT_VERIFIED input"]);
  },
  "an address for which the provider does not vouch opens nothing": async () => {
    await member("ida@example.org");
    accounts.ida = { email: "ida@example.org", email_verified: false };
    accounts.jon = { email: "jon@example.org" };
    accounts.kim = {};
    for (const login of ["ida", "jon", "kim"]) {
      for (const key of ["plain", "trusted"]) {
        assert.deepEqual(errors(await signIn(key, login)), ["ADDRESS_NOT_VERIFIED input"]);
      }
    }
  },
  "state, handle, code and issuer belong together, and work once": async () => {
    const flow = async (change, replace) => {
      const begun = await begin("trusted");
      const url = new URL(begun.url);
      for (const [name, value] of Object.entries(change)) url.searchParams.set(name, value);
      const back = await visit(url.toString(), callback, "bea");
      const input = { ...brought(begun, back), ...replace };
      return [input, await run("CompleteProviderSignIn", input)];
    };
    const [used, good] = await flow({}, {});
    session(good);
    const again = await run("CompleteProviderSignIn", used);
    assert.deepEqual(errors(again), ["INVALID_TOKEN input.handle"], "a handle works once");
    const cases = [
      [{}, { state: used.state }, "INVALID_TOKEN input.state"],
      [{ state: "chosen" }, {}, "INVALID_TOKEN input.state"],
      [{}, { handle: used.handle }, "INVALID_TOKEN input.handle"],
      [{}, { handle: "psi_nonsense" }, "INVALID_TOKEN input.handle"],
      [{}, { code: used.code }, "INVALID_TOKEN input.code"],
      [{}, { code: "nonsense" }, "INVALID_TOKEN input.code"],
      [{ code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" }, {}, "INVALID_TOKEN input.code"],
      [{}, { issuer: "https://evil.example.org" }, "INVALID_TOKEN input.issuer"],
      [{}, { issuer: undefined }, "INVALID_TOKEN input.issuer"],
    ];
    for (const [change, replace, expected] of cases) {
      const [, answer] = await flow(change, replace);
      assert.deepEqual(errors(answer), [expected], JSON.stringify([change, replace]));
      assert.equal(answer.session, null);
    }
    const [, nonce] = await flow({ nonce: "chosen" }, {});
    assert.equal(nonce.refused, "PROVIDER_UNAVAILABLE", "the ID token repeats another nonce");
  },
  "a code that somebody else brought is worth nothing with one's own handle": async () => {
    const mine = await begin("trusted");
    const theirs = await begin("trusted");
    const back = await visit(theirs.url, callback, "bea");
    const stolen = { ...brought(mine, back), state: new URL(mine.url).searchParams.get("state") };
    assert.deepEqual(errors(await run("CompleteProviderSignIn", stolen)), ["INVALID_TOKEN input.code"]);
  },
  "the second factor is still asked for, unless the settings say that the provider does": async () => {
    const access = await member("lea@example.org");
    const { enrolment } = await run("BeginSecondFactor", undefined, access);
    const proof = { password: PASSWORD, code: code(enrolment.secret) };
    const { recoveryCodes } = await run("ConfirmSecondFactor", proof, access);
    accounts.lea = { email: "lea@example.org", email_verified: true };
    for (const [key, number] of [["plain", 0], ["strong", 1]]) {
      const input = { provider: key, currentPassword: PASSWORD };
      assert.deepEqual(errors(await run("BeginIdentityLink", input, access)), ["REQUIRED input.code"]);
      const given = { ...input, code: recoveryCodes[number] };
      const { signIn: begun } = await run("BeginIdentityLink", given, access);
      const back = brought(begun, await visit(begun.url, callback, "lea"));
      assert.deepEqual(errors(await run("LinkIdentity", back, access)), []);
    }
    const waiting = await signIn("plain", "lea");
    assert.deepEqual([waiting.outcome, waiting.session], ["SECOND_FACTOR", null]);
    const completion = { challenge: waiting.challenge.token, code: recoveryCodes[2] };
    const completed = await run("CompleteSignIn", completion);
    assert.equal((await me(completed.session.accessToken)).email, "lea@example.org");
    session(await signIn("strong", "lea"));
    accounts.lou = accounts.lea;
    const [asked, handle] = await arrive("strong", "lou");
    assert.equal(asked.outcome, "CONFIRM_BY_MAIL");
    const mailed = { token: await token("lea@example.org", "confirm-identity"), handle };
    assert.deepEqual(errors(await run("ConfirmIdentityLink", mailed)), ["REQUIRED input.code"]);
    assert.deepEqual(errors(await run("ConfirmIdentityLink", { ...mailed, code: recoveryCodes[3] })), []);
    session(await signIn("strong", "lou"));
  },
  "roles come and go with what the provider says": async () => {
    accounts.max = { email: "max@example.org", email_verified: true, groups: ["staff", "rumbo-coordinators"] };
    const roles = async () => {
      const { roles: held } = await run("Viewer", undefined, session(await signIn("trusted", "max")));
      return held.map(({ role, scope, provider }) => `${role} ${scope} ${provider}`);
    };
    assert.deepEqual(await roles(), ["COORDINATOR SYSTEM trusted"]);
    assert.deepEqual(await roles(), ["COORDINATOR SYSTEM trusted"], "once");
    accounts.max.groups = ["staff", "administrators"];
    assert.deepEqual(await roles(), []);
  },
  "a disabled account stays closed": async () => {
    accounts.nia = { email: "nia@example.org", email_verified: true };
    const nia = await me(session(await signIn("trusted", "nia")));
    const admin = (await run("SignIn", { email: "admin@example.org", password: PASSWORD })).session.accessToken;
    const disabled = await run("DisableAccount", { personId: nia.id, reason: "checks" }, admin);
    assert.equal(disabled.disabled, true);
    assert.deepEqual(errors(await signIn("trusted", "nia")), ["INVALID_CREDENTIALS input"]);
  },
  "a provider that is not there is told as such": async () => {
    assert.equal((await run("BeginProviderSignIn", { provider: "nobody" })).refused, "NOT_FOUND");
    assert.equal((await run("BeginProviderSignIn", { provider: "silent" })).refused, "PROVIDER_UNAVAILABLE");
    const begun = await begin("trusted");
    const back = await visit(begun.url, callback, "bea");
    await provider.stop();
    assert.equal((await run("CompleteProviderSignIn", brought(begun, back))).refused, "PROVIDER_UNAVAILABLE");
    session({ ...(await run("SignIn", { email: "ana@example.org", password: PASSWORD })), outcome: "SIGNED_IN" });
  },
};

const settings = (key, name, issuer, more) => `
[auth.providers.${key}]
name = ${name}
issuer = "${issuer}"
client_id = "${key}"
client_secret = "${key}-secret-of-the-check"
scopes = ["email", "profile", "groups"]
${more}
`;
const providers = join(program.folder, "providers.toml");
writeFileSync(
  providers,
  settings("plain", '"Campus"', provider.issuer, "") +
    settings("strong", '"Strong"', provider.issuer, "counts_as_second_factor = true") +
    settings("silent", '"Nobody"', `http://127.0.0.1:${silent}`, "") +
    settings(
      "trusted",
      '{ es = "Ministerio", en = "Ministry" }',
      provider.issuer,
      `trust_email = true
roles = [{ claim = "groups", value = "rumbo-coordinators", role = "coordinator" }]`,
    ),
);
Object.assign(program.settings, {
  RUMBO_CONFIG: providers,
  RUMBO__HTTP__PUBLIC_URL: origin,
  RUMBO__RATES__ENABLED: "false",
  RUMBO__LOG__FILTER: "error",
});
program.command(["migrate"]);
program.command(
  ["admin", "create", "--email", "admin@example.org", "--given-name", "Ada", "--family-name", "Sol"],
  `${PASSWORD}\n`,
);
assert.ok(!program.command(["config"]).includes("secret-of-the-check"), "secrets are not printed");

let failed = 0;
try {
  await program.serve();
  failed = await runAll(checks);
} finally {
  await program.end();
  await provider.stop();
}
process.exit(failed ? 1 : 0);
