const DEFAULT_PORTS: Record<string, string> = { "http:": "80", "https:": "443" };

/** `host:port` as allow-lists and secrets name it: lower case, the port always there, IPv6 in brackets. */
export const hostPort = (url: { protocol: string; hostname: string; port: string }): string =>
  `${url.hostname.toLowerCase()}:${url.port === "" ? (DEFAULT_PORTS[url.protocol] ?? "") : url.port}`;
