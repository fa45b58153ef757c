import { isGatewayError, type Question, type QuestionAnswer } from "@parley/contracts";
import { expect, test } from "vitest";
import { checkAnswers } from "./check-answers.ts";

const option = (id: string) => ({ id, label: `Label ${id}` });
const asked: Question[] = [
  { id: "one", text: "One?", multiSelect: false, allowFreeText: false, required: true, options: [option("a"), option("b")] },
  { id: "many", text: "Many?", multiSelect: true, allowFreeText: true, required: false, options: [option("x"), option("y")] },
];

function refusal(answers: QuestionAnswer[]): string {
  try {
    checkAnswers(asked, answers);
  } catch (error) {
    if (isGatewayError(error, "invalid_answers")) return error.message;
    throw error;
  }
  return "accepted";
}

test("answers that fit are kept in one form, however they were given", () => {
  expect(checkAnswers(asked, [{ questionId: "one", selectedOptionIds: ["b"] }])).toEqual([
    { questionId: "one", selectedOptionIds: ["b"], freeText: null },
  ]);
  expect(
    checkAnswers(asked, [
      { questionId: "one", answer: "Label a" },
      { questionId: "many", answer: "neither of them" },
    ]),
  ).toEqual([
    { questionId: "one", selectedOptionIds: ["a"], freeText: null },
    { questionId: "many", selectedOptionIds: [], freeText: "neither of them" },
  ]);
  expect(
    checkAnswers(asked, [
      { questionId: "one", answer: "a" },
      { questionId: "many", selectedOptionIds: ["x", "y"], freeText: "both" },
    ]),
  ).toHaveLength(2);
});

test.each<[string, QuestionAnswer[], string]>([
  ["a missing required question", [], "The question one is not answered."],
  [
    "an unknown question",
    [
      { questionId: "one", answer: "a" },
      { questionId: "two", answer: "a" },
    ],
    "There is no such question.",
  ],
  [
    "a question twice",
    [
      { questionId: "one", answer: "a" },
      { questionId: "one", answer: "b" },
    ],
    "The question is answered twice.",
  ],
  ["another question's option", [{ questionId: "one", selectedOptionIds: ["x"] }], "The question has no such option."],
  ["two options where one is allowed", [{ questionId: "one", selectedOptionIds: ["a", "b"] }], "Only one option may be chosen."],
  [
    "one option twice",
    [
      { questionId: "one", answer: "a" },
      { questionId: "many", selectedOptionIds: ["x", "x"] },
    ],
    "An option is chosen twice.",
  ],
  ["own words where options are asked for", [{ questionId: "one", answer: "c" }], "The question takes options only."],
  ["an empty answer", [{ questionId: "one" }], "An option or own words are needed."],
])("%s is refused", (_, answers, why) => {
  expect(refusal(answers)).toBe(why);
});
