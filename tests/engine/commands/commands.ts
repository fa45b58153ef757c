import type { MessageMode } from "@parley/contracts";
import * as fc from "fast-check";
import * as control from "./acts/control.ts";
import * as engine from "./acts/engine.ts";
import * as send from "./acts/send.ts";
import { expectSame } from "./check/expect-same.ts";
import { type Card, type Conversation, isAtWork, openCards } from "./spec/conversation.ts";
import type { Reply } from "./spec/engine.ts";
import type { Stage } from "./stage/stage.ts";

export type Command = fc.AsyncCommand<Conversation, Stage>;

interface Act {
  name: string;
  /** Whether there is anything that it could be done to. */
  isPossible?: (c: Readonly<Conversation>) => boolean;
  perform: (c: Conversation, stage: Stage) => unknown;
}

/** After every act the conversation stands where the spec says. */
const command = ({ name, isPossible = () => true, perform }: Act): Command => ({
  check: isPossible,
  async run(c, stage) {
    await perform(c, stage);
    await expectSame(c, stage);
  },
  toString: () => name,
});

const commands = <Drawn>(drawn: fc.Arbitrary<Drawn>, actOf: (drawn: Drawn) => Act): fc.Arbitrary<Command> =>
  drawn.map((one) => command({ ...actOf(one), name: `${actOf(one).name} ${fc.stringify(one)}` }));
const plain = (act: Act): fc.Arbitrary<Command> => fc.constant(act).map(command);

const MODES: MessageMode[] = ["auto", "queue", "collect", "steer", "interrupt", "reject"];
/** No door sends another mode with an invoke. */
const INVOKED: MessageMode[] = ["auto", "collect", "steer", "interrupt", "reject"];
const CARDS: Card["kind"][][] = [["questions"], ["approval"], ["questions", "approval"], ["questions", "questions"]];

const choice = fc.nat(50);
/** Mostly the same. */
const binary = fc.constantFrom(0 as const, 0 as const, 0 as const, 1 as const);
const origin = fc.record({ caller: binary, user: binary, options: binary });
const said: fc.Arbitrary<Reply> = fc.oneof(
  fc.constant<Reply>({ kind: "answers" }),
  fc.constant<Reply>({ kind: "calls" }),
  fc.constantFrom(...CARDS).map((cards): Reply => ({ kind: "asks", cards })),
);

const exists = (c: Readonly<Conversation>): boolean => c.messages.length > 0;

const messages = commands(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ mode: fc.constantFrom(...MODES), isInvoke: fc.constant(false), origin }) },
    { weight: 1, arbitrary: fc.record({ mode: fc.constantFrom(...INVOKED), isInvoke: fc.constant(true), origin }) },
  ),
  (message) => ({ name: "send", perform: (c, stage) => send.sendMessage(c, stage, message) }),
);
const edits = commands(
  fc.record({ target: choice, origin, version: fc.constantFrom("none" as const, "now" as const, "now" as const, "old" as const) }),
  (edit) => ({ name: "edit", isPossible: exists, perform: (c, stage) => send.editMessage(c, stage, edit) }),
);
const repeats = commands(choice, (index) => ({
  name: "send again",
  isPossible: exists,
  perform: (_, stage) => send.sendAgain(stage, index),
}));
const stops = commands(
  fc.record({ aim: fc.option(choice, { freq: 2 }), clearQueue: fc.constantFrom(false, false, false, true) }),
  (what) => ({ name: "stop", isPossible: exists, perform: (c, stage) => control.stop(c, stage, what) }),
);
const cancels = commands(choice, (target) => ({
  name: "cancel",
  isPossible: exists,
  perform: (c, stage) => control.cancel(c, stage, target),
}));
const changes = commands(
  fc.record({ target: choice, position: fc.option(fc.integer({ min: 1, max: 8 })), text: fc.option(fc.constant("other words")) }),
  (what) => ({ name: "change", isPossible: exists, perform: (c, stage) => control.change(c, stage, what) }),
);
const clears = plain({ name: "clear the queue", isPossible: exists, perform: control.clearQueue });
const drains = plain({ name: "drain", isPossible: exists, perform: control.drain });
const decisions = commands(fc.record({ target: choice, isApproved: fc.boolean() }), (what) => ({
  name: "decide",
  isPossible: (c) => c.cards.length > 0,
  perform: (c, stage) => control.decideOne(c, stage, what),
}));

const deliveries = plain({ name: "deliver an order", isPossible: exists, perform: engine.deliver });
const replies = commands(said, (what) => ({
  name: "model",
  isPossible: isAtWork,
  perform: (c, stage) => engine.reply(c, stage, what),
}));
const kills = plain({ name: "freeze the worker until its lease is over", isPossible: isAtWork, perform: engine.kill });
/** The same, and another worker goes on with the turn. */
const takeOvers = plain({
  name: "freeze the worker and let another take over",
  isPossible: isAtWork,
  async perform(c, stage) {
    await engine.kill(c, stage);
    await engine.sweep(c, stage);
    while (stage.orders.waiting() > 0) await engine.deliver(c, stage);
  },
});
const wakes = commands(fc.record({ choice, said }), (what) => ({
  name: "wake a frozen worker",
  isPossible: ({ frozen }) => frozen > 0,
  perform: (c, stage) => engine.wake(c, stage, what),
}));
const shutdowns = plain({ name: "shut the worker down", isPossible: isAtWork, perform: engine.shutDown });
const sweeps = plain({ name: "sweep", isPossible: exists, perform: engine.sweep });
const flushes = plain({ name: "flush redis", isPossible: exists, perform: (_, stage) => engine.flushRedis(stage) });
const latenesses = commands(choice, (index) => ({
  name: "let a message wait too long",
  isPossible: ({ queue }) => queue.length > 0,
  perform: (c, stage) => engine.outlast(c, stage, index),
}));
const lateCards = commands(choice, (index) => ({
  name: "let a card wait too long",
  isPossible: (c) => openCards(c).length > 0,
  perform: (c, stage) => engine.outlastCard(c, stage, index),
}));

/** What is not possible at its turn costs nothing, so that what is rarely possible is drawn often. */
const WEIGHTS: [fc.Arbitrary<Command>, times: number][] = [
  [replies, 14],
  [deliveries, 12],
  [decisions, 10],
  [messages, 8],
  [wakes, 4],
  [shutdowns, 3],
  [kills, 2],
  [takeOvers, 3],
  [stops, 2],
  [drains, 2],
  [edits, 2],
  [changes, 2],
  [sweeps, 2],
  [lateCards, 2],
  [flushes, 1],
  [cancels, 1],
  [clears, 1],
  [repeats, 1],
  [latenesses, 1],
];

/** Everything that may happen to a conversation. */
export const ALL_COMMANDS = WEIGHTS.flatMap(([arbitrary, times]) => Array.from({ length: times }, () => arbitrary));
