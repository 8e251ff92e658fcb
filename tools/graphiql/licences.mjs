// Prints the licence of every package that is bundled, from the packages themselves.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));

for (const [folder, entry] of Object.entries(lock.packages).sort()) {
  if (!folder || entry.dev || !existsSync(folder)) continue;
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  console.log(`${"=".repeat(80)}\n${about.name} ${about.version} (${about.license})\n`);
  const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)/i.test(name));
  console.log(file ? readFileSync(join(folder, file), "utf8").trim() + "\n" : "(the package holds no licence text)\n");
}
