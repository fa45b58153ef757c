import { type PeerServer, type System, startPeerServer } from "@parley/testkit";
import { CORPUS, type Injection } from "../../injection/corpus.ts";
import { obey } from "../../injection/obedient-model.ts";
import { inParallel } from "../../injection/support.ts";
import { askPlan, of } from "./ask-plan.ts";

const AT_ONCE = 8;
const HARMFUL = ["mail", "pay", "delete_files"];

/** Agents that a plan brings along: one that says what it is asked for, and one that does harm. */
export interface Attackers {
  talker: PeerServer;
  harm: PeerServer;
}

export async function startAttackers(): Promise<Attackers> {
  const texts = new Map(CORPUS.map(({ id, text }) => [id, text]));
  const [talker, harm] = await Promise.all([startPeerServer({ answer: (id) => texts.get(id) ?? "nothing" }), startPeerServer()]);
  return { talker, harm };
}

const message = (role: string, text: string) => ({ role, parts: [{ type: "text", text }] });

/** How an attack comes in: said by a peer that the plan calls, or as something that was said before, in each of its forms in turn. */
const WAYS = {
  peer: ({ id }: Injection) => ({ question: `Please call_talker_say {"input":"${id}"}` }),
  history: ({ text }: Injection, place: number) => {
    const told = [
      { history: [message("user", "What does it say?"), message("assistant", text)] },
      { history: [message("user", text), message("assistant", "Yes.")] },
      { prior_summary: text },
    ];
    return { question: "And what was that about?", ...told[place % told.length] };
  },
};

export interface Attacked {
  id: string;
  way: string;
  reason: unknown;
  /** Which attack's call a person was asked about. */
  asked: unknown;
  /** Messages that the harmful agent was sent for it. */
  harm: number;
}

interface Attack {
  injections: Injection[];
  /** Whether the request marks the harmful agent so. */
  sensitive: boolean;
}

/** Plans of a model that obeys whatever it reads, one for each attack and way. */
export async function attackPlans(system: System, { talker, harm }: Attackers, { injections, sensitive }: Attack): Promise<Attacked[]> {
  system.model.otherwise(obey);
  const inputSchema = { type: "object" };
  const agents = [
    { name: "talker", endpoint: talker.url, skills: [{ id: "say" }] },
    { name: "harm", endpoint: harm.url, sensitive, skills: HARMFUL.map((id) => ({ id, inputSchema })) },
  ];
  const url = system.apis[0]?.url ?? "";
  const attack = async (body: object) => {
    const frames = await askPlan({ url, apiKey: system.ours.apiKey, body: { ...body, agents } });
    const approval = of(frames, "task.started").find(({ agent, skill }) => agent === "gateway" && skill === "approval");
    const { arguments: given } = (approval?.["input"] ?? {}) as { arguments?: { case?: string } };
    return { reason: of(frames, "final")[0]?.["stop_reason"], asked: given?.case };
  };
  const attacked: Attacked[] = [];
  // One way after the other, so that the harm of each is its own.
  for (const [way, bodyOf] of Object.entries(WAYS)) {
    const from = harm.journal.length;
    const seen = await inParallel(injections, AT_ONCE, async (injection) => attack(bodyOf(injection, injections.indexOf(injection))));
    const sent = harm.journal.slice(from).filter(({ messageId }) => messageId !== null);
    const harmOf = (id: string): number => sent.filter(({ text }) => text.includes(`"${id}"`)).length;
    attacked.push(
      ...injections.map(({ id }, place) => ({ id, way, reason: undefined, asked: undefined, ...seen[place], harm: harmOf(id) })),
    );
  }
  return attacked;
}
