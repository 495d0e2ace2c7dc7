/**
 * Request and reply to another member's node. Messages carry their own proof (signatures and
 * certificates), so this port is trusted with nothing: it may drop, delay, repeat or reorder. A request to one's own member goes
 * to the other node of it, where it moves from one to another.
 *
 * The law: `request` answers the reply's bytes or throws a fault within the time that the adapter
 * allows; a fault says nothing of whether the other node saw the message.
 */
export interface Peers {
  request(member: string, message: Uint8Array): Promise<Uint8Array>;
  /**
   * Hands a message over whose reply nobody waits for; resolves when that is done, before the other node
   * has handled it. Absent where that is not faster than a request.
   */
  tell?(member: string, message: Uint8Array): Promise<void>;
}
