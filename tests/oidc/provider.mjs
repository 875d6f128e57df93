// An identity provider that others wrote and certified, and a browser that signs in there.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const key = (type, options, use) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }),
  ...use,
});

// Starts one on a free port. `accounts` may be changed while it runs: by name, what it says of each.
export const startProvider = async (callback, accounts) => {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const client = (id) => ({
    client_id: id,
    client_secret: `${id}-secret-of-the-check`,
    redirect_uris: [callback],
    grant_types: ["authorization_code"],
    response_types: ["code"],
  });
  const provider = new Provider(issuer, {
    clients: ["trusted", "plain", "strong"].map(client),
    claims: {
      openid: ["sub"],
      email: ["email", "email_verified"],
      profile: ["name", "given_name", "family_name", "locale", "zoneinfo"],
      groups: ["groups"],
    },
    cookies: { keys: ["a key of the check"] },
    jwks: { keys: [key("rsa", { modulusLength: 2048 }, { kid: "one", use: "sig", alg: "RS256" })] },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    pkce: { required: () => true },
    findAccount: (_, id) =>
      accounts[id] && { accountId: id, claims: async () => ({ sub: id, ...accounts[id] }) },
    // Consent is not what is checked here.
    loadExistingGrant: async (context) => {
      const { client, session } = context.oidc;
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope("openid email profile groups");
      await grant.save();
      return grant;
    },
  });
  server.on("request", provider.callback());
  return {
    issuer,
    stop: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
};

// Signs in as somebody and returns what the browser brings back to the callback.
export const visit = async (address, callback, login) => {
  const cookies = new Map();
  let url = address;
  let form;
  for (let steps = 0; steps < 12; steps += 1) {
    const answer = await fetch(url, {
      method: form ? "POST" : "GET",
      body: form,
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    form = undefined;
    for (const cookie of answer.headers.getSetCookie()) {
      const [name, value] = cookie.split(";")[0].split("=");
      cookies.set(name, value);
    }
    const location = answer.headers.get("location");
    if (location === null) {
      const page = await answer.text();
      const action = /action="([^"]+)"/.exec(page);
      if (answer.status !== 200 || !action) throw new Error(`${answer.status}: ${page}`);
      url = new URL(action[1], url).toString();
      form = new URLSearchParams({ prompt: "login", login, password: "anything" });
      continue;
    }
    url = new URL(location, url).toString();
    if (url.startsWith(callback)) return Object.fromEntries(new URL(url).searchParams);
  }
  throw new Error("the browser is sent in circles");
};
