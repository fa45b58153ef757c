import { z } from "zod";

/** Words with commas between them, as a setting has them. */
export const textList = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
  );
