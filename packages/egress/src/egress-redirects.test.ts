import type { RequestListener } from "node:http";
import { describe, expect, it } from "vitest";
import { body, egress, refusal, serve } from "./test-server.ts";

describe("redirects", () => {
  const redirectTo =
    (location: string, status = 302): RequestListener =>
    (_, response) =>
      response.writeHead(status, { location }).end();

  it.each(["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "http://user:word@example.com/", "http://[::1]/"])(
    "to %s are refused",
    async (location) => {
      const server = await serve(redirectTo(location));
      await expect(egress({ allow: [server.host] }).fetch(server.url)).rejects.toMatchObject(refusal);
    },
  );

  it("to another origin lose every credential, and the secret does not return with them", async () => {
    const home = await serve((request, response) => {
      if (request.url === "/back") return response.end("end");
      response.writeHead(307, { location: away.url }).end();
    });
    const away = await serve((_, response) => response.writeHead(307, { location: `${home.url}/back` }).end());
    const secrets = [{ name: "key", value: "s3cret", hosts: [home.host, away.host] }];
    const { fetch } = egress({ allow: [home.host, away.host], secrets });
    const headers = { "x-api-key": "mine", cookie: "session=1", accept: "text/plain" };
    expect(await (await fetch(home.url, { secret: "key", headers })).text()).toBe("end");
    expect(home.requests[0]?.headers).toMatchObject({ authorization: "Bearer s3cret", "x-api-key": "mine" });
    for (const request of [away.requests[0], home.requests[1]]) {
      expect(request?.headers).toMatchObject({ accept: "text/plain" });
      expect(request?.headers).not.toHaveProperty("authorization");
      expect(request?.headers).not.toHaveProperty("x-api-key");
      expect(request?.headers).not.toHaveProperty("cookie");
    }
  });

  it("within the origin keep the secret; 307 repeats the body, 303 asks with GET", async () => {
    const bodies: string[] = [];
    const server = await serve(async (request, response) => {
      bodies.push(`${request.method} ${await body(request)}`);
      if (request.url === "/") return response.writeHead(307, { location: "/two" }).end();
      if (request.url === "/two") return response.writeHead(303, { location: "/three" }).end();
      response.end("end");
    });
    const { fetch } = egress({ allow: [server.host], secrets: [{ name: "key", value: "s3cret", hosts: [server.host] }] });
    await fetch(server.url, { method: "POST", body: "text", secret: "key" });
    expect(bodies).toEqual(["POST text", "POST text", "GET "]);
    expect(server.requests.map((request) => request.headers.authorization)).toEqual(Array(3).fill("Bearer s3cret"));
  });

  it("are followed three times at most, and not at all on demand", async () => {
    const server = await serve(redirectTo("/again"));
    const { fetch } = egress({ allow: [server.host] });
    await expect(fetch(server.url)).rejects.toMatchObject(refusal);
    expect(server.requests).toHaveLength(4);
    expect((await fetch(server.url, { redirect: "manual" })).status).toBe(302);
    await expect(fetch(server.url, { redirect: "error" })).rejects.toMatchObject(refusal);
  });
});

describe("secrets", () => {
  it("are attached in their own header and format", async () => {
    const server = await serve((_, response) => response.end());
    const secrets = [{ name: "key", value: "a$&b", hosts: [server.host], header: "x-goog-api-key", format: "{value}" }];
    await egress({ allow: [server.host], secrets }).fetch(server.url, { secret: "key" });
    expect(server.requests[0]?.headers).toMatchObject({ "x-goog-api-key": "a$&b" });
  });

  it("of another host, of no TLS, and unknown ones refuse the request without saying their value", async () => {
    const server = await serve((_, response) => response.end());
    const secrets = [
      { name: "elsewhere", value: "s3cret", hosts: ["api.example.com:443"] },
      { name: "plain", value: "s3cret", hosts: ["api.example.com:80"] },
    ];
    const { fetch } = egress({ allow: [server.host], secrets });
    for (const [address, secret] of [
      [server.url, "elsewhere"],
      ["http://api.example.com/", "plain"],
      [server.url, "unknown"],
    ] as const) {
      const error = await fetch(address, { secret }).catch((cause: unknown) => cause);
      expect(error).toMatchObject(refusal);
      expect(JSON.stringify(error)).not.toContain("s3cret");
    }
    expect(server.requests).toHaveLength(0);
  });
});
