const root = process.argv[2]!; const mode = process.argv[3]!;
const { measureHandling } = await import(`${root}/src/scaling/handling.ts`);
const { protocols } = await import(`${root}/src/protocol/index.ts`);
const protocol = protocols.get(mode);
const batch = mode === "pbft" ? 100 : 400;
const run = (seconds: number) => {
  const a = process.cpuUsage();const t=performance.now();
  const r = measureHandling({ protocol, f: 1, batch, clients: batch * (mode === "pbft" ? 8 : 6), seconds, protocolOptions: new Map() });
  const d=performance.now()-t; const b = process.cpuUsage(a);
  return r * d * 1000 / (b.user + b.system);
};
run(1);
console.log(Math.round(run(1.5)));
