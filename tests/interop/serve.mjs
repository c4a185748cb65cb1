// A peer: one JSON request per line on stdin, one JSON answer per line on stdout. Whatever goes wrong, an unusable key or a
// malformed request, is {"error": ...}.

export async function serve(operations) {
  for await (const line of lines(process.stdin)) {
    process.stdout.write(JSON.stringify(await answer(operations, line)) + "\n");
  }
}

async function answer(operations, line) {
  try {
    const request = JSON.parse(line);
    if (!Object.hasOwn(operations, request.op)) throw new Error(`unknown op: ${request.op}`);
    return await operations[request.op](request);
  } catch (error) {
    return { error: String(error) };
  }
}

// Not node:readline, which also ends a line at U+2028, a character that JSON allows in strings.
async function* lines(input) {
  let rest = "";
  for await (const chunk of input.setEncoding("utf8")) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop();
    yield* parts;
  }
  if (rest) yield rest;
}
