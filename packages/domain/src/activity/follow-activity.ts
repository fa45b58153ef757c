import { type ActivityEvent, activityRow } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { ActivityEar } from "./activity-news.ts";
import type { ActivityPage, ActivityStore, ActivityView } from "./activity-store.ts";
import type { ActivityUseCases, FollowingActivity } from "./activity-use-cases.ts";
import { toActivityEvent } from "./to-activity-event.ts";
import { viewOf } from "./view-of.ts";

/** Rows looked at in one read: what a reader has in memory at most. */
const PAGE_MAX = 200;

export function followActivities(context: GatewayContext): ActivityUseCases {
  const { activity, news } = context;
  const read = sharedReads(activity);
  return {
    async followActivity(caller, { after, signal }) {
      const view = viewOf(caller);
      const ear = await news.open(view.organizationId, signal);
      try {
        return await follow({ read, ear, view, after });
      } catch (error) {
        ear.close();
        throw error;
      }
    },
    async listActivity(caller, limit) {
      const view = viewOf(caller);
      const types = view.types.filter((type) => activityRow(type).listed);
      return (await activity.newest({ ...view, types }, limit)).map(toActivityEvent);
    },
  };
}

type Read = (view: ActivityView, after: number) => Promise<ActivityPage>;

interface Following {
  read: Read;
  ear: ActivityEar;
  view: ActivityView;
  after: number | undefined;
}

async function follow({ read, ear, view, after }: Following): Promise<FollowingActivity> {
  // Beyond every number: the answer says where the head is.
  const page = await read(view, after ?? Number.MAX_SAFE_INTEGER);
  // What nobody was given is no place to wait at.
  const cursor = after === undefined || after > page.head ? page.head : Math.max(after, page.first - 1);
  return { cursor, isTrimmed: after !== undefined && cursor > after, events: eventsAfter({ read, ear, view, after: cursor }) };
}

async function* eventsAfter({ read, ear, view, after }: Following & { after: number }): AsyncGenerator<ActivityEvent, void> {
  let position = after;
  try {
    for (;;) {
      const { items, through, head } = await read(view, position);
      for (const stored of items) yield toActivityEvent(stored);
      position = through;
      if (position >= head && !(await ear.waitBeyond(position))) return;
    }
  } finally {
    ear.close();
  }
}

/** Readers that are woken together, at the same place and with the same rights, share one read. */
function sharedReads(activity: Pick<ActivityStore, "read">): Read {
  const underWay = new Map<string, Promise<ActivityPage>>();
  return (view, after) => {
    const key = `${after} ${JSON.stringify(view)}`;
    const known = underWay.get(key);
    if (known !== undefined) return known;
    const reading = activity.read(view, { after, limit: PAGE_MAX });
    underWay.set(key, reading);
    // Whoever is woken later may have been woken by what this read does not see.
    setImmediate(() => underWay.delete(key));
    return reading;
  };
}
