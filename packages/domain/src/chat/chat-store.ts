export interface StoredChatName {
  organizationId: string;
  agentId: string;
  nameHash: string;
}

export interface ChatStore {
  /** The conversation that has the name; this one where none has it, or where it is renewed. */
  open(chat: StoredChatName, conversationId: string, options: { renew: boolean }): Promise<string>;
  find(chat: StoredChatName): Promise<string | null>;
}
