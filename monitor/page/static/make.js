// Elements, and commands to the daemon.

/** An element with properties and children; text goes in as text. */
export function make(tag, properties = {}, ...children) {
  const { data, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, data ?? {});
  element.append(...children);
  return element;
}

/** Puts text into an element, if it is not there already: what did not change is not read out again. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Says what is wanted of a stream; why it was not taken, or nothing. */
export async function command(stream, name, value) {
  try {
    const answer = await fetch(`/stream/${stream}/${name}`, { method: "POST", body: String(value) });
    if (answer.status === 401) location.reload();
    return answer.ok ? "" : (await answer.text()).trim();
  } catch {
    return "The daemon was not reached; nothing was changed.";
  }
}
