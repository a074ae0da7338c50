// Asks npm's passkit-generator what it thinks of a pass: reads the unzipped files of one, builds its own from them.
// Prints {"complaints": [...], "type": ..., "document": pass.json as it would send it}; complaints are its warnings.
// usage: node passkit_generator.mjs FOLDER CERTIFICATES OUT.pkpass
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { PKPass } from "passkit-generator";

const [folder, certificates, out] = process.argv.slice(2);
const complaints = [];
console.warn = (...words) => complaints.push(words.join(" "));

function* filesIn(place) {
  for (const name of readdirSync(place)) {
    const path = join(place, name);
    if (statSync(path).isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

const files = {};
for (const path of filesIn(folder)) {
  const name = relative(folder, path).split(sep).join("/");
  if (!["manifest.json", "signature"].includes(name)) files[name] = readFileSync(path);
}

const pem = (name) => readFileSync(join(certificates, name), "utf8");
const answer = { complaints };
try {
  const pass = new PKPass(files, { wwdr: pem("wwdr.pem"), signerCert: pem("leaf.pem"), signerKey: pem("key.pem") });
  answer.type = pass.type;
  writeFileSync(out, pass.getAsBuffer());
} catch (error) {
  complaints.push(String(error));
}
console.log(JSON.stringify(answer));
