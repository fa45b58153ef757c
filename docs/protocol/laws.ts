import type { COMES_TO_REST, Step } from "./explore.ts";
import type { Rules } from "./rules.ts";
import { type Action, currentTurn, isStopped, pick, type State, turnOf } from "./state.ts";
import { mayWrite } from "./worker.ts";

type Invariant = (state: State) => boolean;
type StepLaw = (before: State, step: Step<State, Action>) => boolean;
/** All that is checked, by name. */
export type Law = keyof ReturnType<typeof invariantsUnder> | keyof typeof LAWS | typeof COMES_TO_REST;

/** What is true of every state. */
export const invariantsUnder = (rules: Rules) =>
  ({
    "one worker at most may write": (s) => s.workers.filter((worker) => mayWrite(s, rules, worker)).length <= 1,

    "a turn ends once": ({ turns }) => turns.every(({ ends, status }) => ends === (status === "open" ? 0 : 1)),

    "a message ends once, and is part of one turn at most": ({ messages }) => messages.every(({ ends, turns }) => ends <= 1 && turns <= 1),

    "a message that has not ended is in exactly one place": (s) => {
      const current = currentTurn(s);
      const places = [...s.conversation.queue, ...s.conversation.steers, ...(current === 0 ? [] : turnOf(s, current).messages)];
      const open = s.messages.filter(({ ends }) => ends === 0).length;
      return places.length === open && new Set(places).size === open && places.every((id) => pick(s.messages, id).ends === 0);
    },

    "a card has one outcome": ({ cards }) => cards.every(({ closes, status }) => closes === (status === "open" ? 0 : 1)),

    "a paused conversation waits for open cards, and counts them": ({ conversation: c, cards }) => {
      const open = cards.filter(({ status }) => status === "open").length;
      return c.cardsOpen === open && (c.state === "paused") === open > 0;
    },

    "a tool call is sent once at most": ({ turns }) => turns.every(({ sent }) => sent <= 1),

    "a call that needs approval is sent only while it is approved": ({ turns, cards }) =>
      cards.every(({ kind, status, turn }) => kind !== "approval" || status === "approved" || pick(turns, turn - 1).sent === 0),

    "only a queue at rest or behind a stopped turn is held": (s) => !s.conversation.held || s.conversation.state === "idle" || isStopped(s),

    "nobody steers a turn that waits behind a card": ({ conversation: c }) => c.state !== "paused" || c.steers.length === 0,
  }) satisfies Record<string, Invariant>;

/** What is true of every step. */
export const LAWS = {
  "no write of an older epoch follows one of a newer": (before, { to }) => to.conversation.headEpoch >= before.conversation.headEpoch,

  "how far the conversation is stopped only grows": (before, { to }) =>
    to.conversation.stoppedThrough >= before.conversation.stoppedThrough,

  "nothing completes at or below a stop": (before, { to }) =>
    to.turns.every(({ status }, index) => {
      const isNew = status === "completed" && before.turns[index]?.status !== "completed";
      return !isNew || index + 1 > before.conversation.stoppedThrough;
    }),

  "a stop that means a turn stops no other": (before, { action, to }) =>
    action.kind !== "stop" || action.turn === currentTurn(before) || to.conversation.stoppedThrough === before.conversation.stoppedThrough,

  "a turn that has to end is told as ended for that reason": (before, { action, to }) => {
    const { stopReason } = before.conversation;
    const reason = action.kind === "stop" ? "stopped" : stopReason;
    return before.turns.every(({ status }, index) => {
      const after = to.turns[index]?.status;
      return status !== "open" || after === "open" || stopReason === null || after === reason;
    });
  },

  "a held queue starts by a caller's word only": (before, { action, to }) => {
    const { held, state, drain } = before.conversation;
    if (!held || state !== "idle" || to.turns.length === before.turns.length) return true;
    return drain || (action.kind === "submit" && action.mode !== "queue");
  },

  "a message that is meant to run releases the hold": (_, { action, to }) =>
    action.kind !== "submit" || action.mode === "queue" || !to.conversation.held,

  "an interrupt runs next": ({ turns, messages }, { to }) => {
    if (to.turns.length === turns.length) return true;
    const isWaiting = to.messages.some(({ mode, state }, id) => mode === "interrupt" && (messages[id]?.state ?? state) === "queued");
    const begun = to.turns[turns.length];
    return !isWaiting || begun === undefined || pick(to.messages, pick(begun.messages, 0)).mode === "interrupt";
  },

  "a call passes its check only under the newest epoch": (before, { action }) =>
    action.kind !== "check" || pick(before.workers, action.worker).epoch === before.conversation.epoch,

  "a card past its expiry is never answered": (before, { to }) =>
    before.cards.every(({ isPast, status }, index) => {
      const after = to.cards[index]?.status;
      return !isPast || after === status || (after !== "answered" && after !== "approved" && after !== "denied");
    }),
} satisfies Record<string, StepLaw>;
