// tuf-js asked for one target: prints "found" or "absent", and ends with 1 when it refuses.
// Takes the folder of node_modules, the address of the repository, the root to begin with, a folder to work in, the target.
const { createRequire } = require("node:module");
const fs = require("node:fs");
const path = require("node:path");

const [modules, address, root, folder, target] = process.argv.slice(2);
const { Updater } = createRequire(path.join(modules, "x.js"))("tuf-js");

async function main() {
  const metadataDir = path.join(folder, "metadata");
  const targetDir = path.join(folder, "targets");
  for (const made of [metadataDir, targetDir]) fs.mkdirSync(made, { recursive: true });
  fs.copyFileSync(root, path.join(metadataDir, "root.json"));
  const updater = new Updater({
    metadataDir,
    targetDir,
    metadataBaseUrl: `${address}/metadata`,
    targetBaseUrl: `${address}/targets`,
  });
  await updater.refresh();
  const found = await updater.getTargetInfo(target);
  if (found) await updater.downloadTarget(found, path.join(targetDir, "bundle"));
  console.log(found ? "found" : "absent");
}

main().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
