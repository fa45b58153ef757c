import { expect, test } from "vitest";
import { checkAddress } from "./check-address.ts";

const names: Record<string, string[]> = { "public.example": ["93.184.216.34"], "inner.example": ["93.184.216.34", "10.0.0.1"] };
const lookup = async (name: string) => {
  const addresses = names[name];
  if (addresses === undefined) throw new Error("ENOTFOUND");
  return addresses.map((address) => ({ address, family: 4 }));
};
const check = (address: string) => checkAddress(address, { allow: new Set(["127.0.0.1:8080"]), lookup });

test.each(["https://public.example/a", "http://93.184.216.34/", "http://127.0.0.1:8080/", "https://not-known-now.example/"])(
  "%s passes",
  async (address) => {
    await expect(check(address)).resolves.toBeUndefined();
  },
);

test.each([
  "http://127.0.0.1:8081/",
  "http://169.254.169.254/latest/meta-data",
  "http://[::1]/",
  "http://[::ffff:10.0.0.1]/",
  "http://2130706433/",
  "https://inner.example/",
  "https://user:pass@public.example/",
  "ftp://public.example/",
  "not an address",
])("%s is refused", async (address) => {
  await expect(check(address)).rejects.toMatchObject({ code: "egress_refused" });
});
