/** Words that say nothing about a subject, also the ones that every tool's description is full of. */
const STOP_WORDS = new Set(
  (
    "a about after again agent all also am an and any anything are as ask asked asks assistant at be because been before being both but by " +
    "call called can cannot could did do does doing done each every few for from function further get give given gives go got had has have " +
    "having hello help her here hers hey hi him his how i if in input into is it its just know let like make makes may me message might more " +
    "most must my need needs new no nor not now of off on once one only or other our out output over own please query question questions " +
    "returns run say says see send set shall she should show so some such take task tell tells text than thank thanks that the their them " +
    "then there these they thing things this those through to too tool tools under until up us use used user users uses using value very want " +
    "wants was way we were what when where which while who whom why will with would yes you your yours"
  ).split(" "),
);

const SUFFIXES: [string, string][] = [
  ["ations", "ate"],
  ["ation", "ate"],
  ["ings", ""],
  ["ies", "y"],
  ["ing", ""],
  ["ers", ""],
  ["es", ""],
  ["ed", ""],
  ["er", ""],
  ["ly", ""],
  ["s", ""],
  ["e", ""],
];

const STEM_CHARS_MIN = 3;

/** A crude stem, good enough to make `joke`, `jokes` and `joking` one. */
const stem = (word: string): string => {
  const fits = ([suffix, ending]: [string, string]) =>
    word.endsWith(suffix) && word.length - suffix.length + ending.length >= STEM_CHARS_MIN && !(suffix === "s" && word.endsWith("ss"));
  const found = SUFFIXES.find(fits);
  if (found === undefined) return word;
  const [suffix, ending] = found;
  const root = word.slice(0, word.length - suffix.length) + ending;
  const undoubled = /([bdgklmnprt])\1$/.test(root) ? root.slice(0, -1) : root;
  return undoubled.length > STEM_CHARS_MIN && undoubled.endsWith("e") ? undoubled.slice(0, -1) : undoubled;
};

/** The stems of a text's telling words, in order of appearance. `getWeather` and `get_weather` are two words each. */
export const stemsOf = (text: string): string[] =>
  (
    text
      .replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  )
    .filter((word) => (word.length > 1 || /\p{N}|\p{Script=Han}/u.test(word)) && !STOP_WORDS.has(word))
    .map(stem);
