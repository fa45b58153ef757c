import type { ChatStore } from "@parley/domain";
import { call } from "./call.ts";
import type { Sql } from "./connect.ts";

export const createChatStore = (sql: Sql): ChatStore => ({
  open: (chat, conversationId, { renew }) => call<string>(sql, "open_chat", { ...chat, conversationId, renew }),
  find: (chat) => call<string | null>(sql, "open_chat", { ...chat, conversationId: null, renew: false }),
});
