// Namespaces that come to be when somebody wants them.

const team = (t, more = "") => `/team-${t.row}${more}`;

export default [
  ["one that a pattern matches", async (t) => {
    const ann = await t.client("ann", team(t));
    await ann.act("who");
  }],
  ["one that no pattern matches", (t) => t.client("ann", `${team(t)}x`)],
  ["one that a function accepts", async (t) => {
    const ann = await t.client("ann", `/tenant/t${t.row}`, { auth: { token: `t${t.row}` } });
    await ann.act("who");
  }],
  ["one that the function does not accept", (t) => t.client("ann", `/tenant/t${t.row}`, { auth: { token: "other" } })],
  ["one that exists already is not asked about", async (t) => {
    await t.client("ann", `/tenant/t${t.row}`, { auth: { token: `t${t.row}` } });
    await t.client("bob", `/tenant/t${t.row}`);
  }],
  ["middlewares of the parent", (t) => t.client("ann", team(t), { auth: { banned: true } })],
  ["children are apart", async (t) => {
    const ann = await t.client("ann", team(t, "1"));
    const bob = await t.client("bob", team(t, "1"));
    const cat = await t.client("cat", team(t, "2"));
    ann.emit("to team", 1);
    await ann.act("join", "a");
    await cat.act("join", "a");
    await bob.act("emit", ["nsp", ["to", "a"]], "to a");
    await ann.act("ids", ["nsp"]);
  }],
  ["a message to all children", async (t) => {
    const ann = await t.client("ann", team(t, "1"));
    const cat = await t.client("cat", team(t, "2"));
    ann.emit("to teams", 1, [2]);
    await cat.until("to teams");
  }],
  ["two children on one connection", async (t) => {
    const ann = await t.client("ann", team(t, "1"));
    await t.client("ann's other", team(t, "2"), { on: ann });
    ann.emit("to teams", 1);
    await ann.until("to teams");
  }],
  ["an app hears of new ones", async (t) => {
    await t.client("ann", team(t, "1"));
    await t.client("bob", team(t, "1"));
    await t.client("cat", team(t, "2"));
    const dan = await t.client("dan");
    await dan.act("namespaces", team(t));
  }],
  ["a message from elsewhere", async (t) => {
    const ann = await t.client("ann", team(t));
    const bob = await t.client("bob");
    await bob.act("emitInto", team(t), "from elsewhere", 1);
    await ann.until("from elsewhere");
  }],
  ["an empty one goes, and comes to be anew", async (t) => {
    const ann = await t.client("ann", team(t));
    await ann.until("welcome");
    ann.leave();
    await t.wait(20);
    await t.client("bob", team(t));
    const cat = await t.client("cat");
    await cat.act("namespaces", team(t));
  }],
  ["a query is part of the name", (t) => t.client("ann", `${team(t)}?x=1`)],
];
