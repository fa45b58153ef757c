import { z } from "zod";

const holdsCredentials = (address: string): boolean => {
  const { username, password } = new URL(address);
  return username !== "" || password !== "";
};

/** An address without a name and password in it. What is no address at all is not looked at further. */
export const webAddress = z
  .url({ protocol: /^https?$/, abort: true })
  .max(2_048)
  .refine((address) => !holdsCredentials(address), { message: "Credentials have no place in an address." });
