import { z } from "zod";

export const question = z.object({
  id: z.string().min(1).max(100),
  text: z.string().min(1).max(4_000),
  header: z.string().max(200).optional(),
  multiSelect: z.boolean().default(false),
  allowFreeText: z.boolean().default(true),
  required: z.boolean().default(true),
  options: z
    .array(z.object({ id: z.string().min(1).max(100), label: z.string().min(1).max(500), description: z.string().max(2_000).optional() }))
    .max(20)
    .default([]),
});
export type Question = z.infer<typeof question>;

/** What the model passes to `ask_user_questions`. */
export const askUserQuestions = z.object({ questions: z.array(question).min(1).max(10) });
