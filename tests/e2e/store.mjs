// The provider's storage of codes, grants, sessions and tokens: one map, shared by the instances that a key rotation
// creates, so that a refresh token outlives the keys. The provider itself checks expiry (`exp`).

const entries = new Map();

const where = (model, test) => [...entries].find(([key, entry]) => key.startsWith(`${model}:`) && test(entry))?.[1];

export class Store {
  constructor(model) {
    this.model = model;
  }

  async upsert(id, payload) {
    entries.set(`${this.model}:${id}`, payload);
  }

  async find(id) {
    return entries.get(`${this.model}:${id}`);
  }

  async findByUid(uid) {
    return where(this.model, (entry) => entry.uid === uid);
  }

  async findByUserCode(userCode) {
    return where(this.model, (entry) => entry.userCode === userCode);
  }

  async consume(id) {
    entries.get(`${this.model}:${id}`).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    entries.delete(`${this.model}:${id}`);
  }

  async revokeByGrantId(grantId) {
    for (const [key, entry] of entries) {
      if (entry.grantId === grantId) entries.delete(key);
    }
  }
}
