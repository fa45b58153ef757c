import { expect, test } from "vitest";
import { addressKey, clientAddress, isNetwork, networkList } from "./client-address.ts";

const trusted = networkList(["10.0.0.0/8", "192.168.1.7", "fd00::/8"]);

test.each([
  ["a header from an address that is no proxy says nothing", "203.0.113.9", "1.1.1.1", "203.0.113.9"],
  ["a proxy's header names the caller", "10.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["a chain of proxies is followed to the first hop that is none", "10.0.0.1", "203.0.113.9, 192.168.1.7, 10.2.3.4", "203.0.113.9"],
  ["what stands further left anybody may have written", "10.0.0.1", "8.8.8.8, 203.0.113.9", "203.0.113.9"],
  ["where all are proxies, the first of them", "10.0.0.1", "10.9.9.9, 10.2.3.4", "10.9.9.9"],
  ["an unreadable hop ends the chain", "10.0.0.1", "203.0.113.9, nonsense, 10.2.3.4", "10.2.3.4"],
  ["IPv4 in IPv6 form is IPv4", "::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"],
  ["ports are no part of it", "10.0.0.1", "[2001:DB8::1]:4711", "2001:db8::1"],
  ["a proxy may speak IPv6", "fd00::1", "203.0.113.9:1234", "203.0.113.9"],
  ["an empty header", "10.0.0.1", "", "10.0.0.1"],
])("%s", (_, peer, forwardedFor, expected) => {
  expect(clientAddress({ peer, forwardedFor }, trusted)).toBe(expected);
});

test("without trusted proxies no header counts", () => {
  expect(clientAddress({ peer: "127.0.0.1", forwardedFor: "1.1.1.1" }, null)).toBe("127.0.0.1");
});

test("all addresses of one IPv6 network count as one, and IPv4 addresses each for themselves", () => {
  expect(addressKey("2001:db8:1:2:3:4:5:6")).toBe(addressKey("2001:0db8:1:2::9"));
  expect(addressKey("2001:db8:1:3::1")).not.toBe(addressKey("2001:db8:1:2::1"));
  expect(addressKey("::1")).toBe("0:0:0:0");
  expect(addressKey("203.0.113.9")).toBe("203.0.113.9");
});

test.each(["10.0.0.0/8", "::/0", "1.2.3.4", "fe80::1"])("%s is a network", (text) => expect(isNetwork(text)).toBe(true));
test.each(["10.0.0.0/33", "10.0.0.0/8/8", "proxy", "", "1.2.3.4/", "::1/129"])("%j is none", (text) => expect(isNetwork(text)).toBe(false));
