// The HTTP side: what the app's OpenAPI document says, with the browser's cookie.
import createClient from "openapi-fetch";
import type { Message } from "./generated/events";
import type { paths } from "./generated/routes";

/** A refusal, in words for people. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    detail: string,
  ) {
    super(detail);
  }
}

type Result<T> = { data?: T; error?: unknown; response: Response };

const client = createClient<paths>();

async function get<T>(request: Promise<Result<T>>): Promise<T> {
  const { data, error, response } = await request.catch(() => {
    throw new Refused(0, "unreachable", "The server cannot be reached.");
  });
  if (response.ok) return data as T;
  throw refused(response.status, error);
}

function refused(status: number, problem: unknown): Refused {
  const { type, detail } = (problem ?? {}) as { type?: unknown; detail?: unknown };
  const words = typeof detail === "string" ? detail : `The answer was ${status}.`;
  return new Refused(status, String(type ?? ""), words);
}

const at = (channel: string) => ({ params: { path: { channel } } });

export const me = () => get(client.GET("/me"));
export const signIn = (name: string) => get(client.POST("/sign-in", { body: { name } }));
export const signOut = () => get(client.POST("/logout"));
export const listPeople = () => get(client.GET("/people"));
export const listChannels = () => get(client.GET("/channels"));
export const createChannel = (name: string, topic: string) =>
  get(client.POST("/channels", { body: { name, topic } }));
export const join = (channel: string) => get(client.PUT("/channels/{channel}/members/me", at(channel)));
export const leave = (channel: string) =>
  get(client.DELETE("/channels/{channel}/members/me", at(channel)));
export const members = (channel: string) => get(client.GET("/channels/{channel}/members", at(channel)));
export const kick = (channel: string, name: string) =>
  get(client.DELETE("/channels/{channel}/members/{name}", { params: { path: { channel, name } } }));
export const ban = (name: string) => get(client.PUT("/people/{name}/ban", { params: { path: { name } } }));
export const pardon = (name: string) =>
  get(client.DELETE("/people/{name}/ban", { params: { path: { name } } }));
export const remind = (channel: string, text: string, seconds: number) =>
  get(client.POST("/channels/{channel}/reminders", { ...at(channel), body: { text, seconds } }));
export const listDevices = () => get(client.GET("/devices"));
export const endDevice = (key: string) =>
  get(client.DELETE("/devices/{key}", { params: { path: { key } } }));
export const endOthers = () => get(client.DELETE("/devices"));

/** Messages after a number, before one, or the last ones. */
export const history = (channel: string, query: { after?: number; before?: number; limit?: number }) =>
  get(client.GET("/channels/{channel}/messages", { params: { path: { channel }, query } }));

/** Send a file; `draft` is the same for all tries of it. */
export async function upload(channel: string, file: File, draft: string): Promise<Message> {
  const url = `/channels/${channel}/files?${new URLSearchParams({ name: file.name.slice(-120) })}`;
  const headers = { "Content-Type": "application/octet-stream", "Idempotency-Key": draft };
  const response = await fetch(url, { method: "POST", headers, body: file }).catch(() => {
    throw new Refused(0, "unreachable", "The server cannot be reached.");
  });
  if (response.ok) return (await response.json()) as Message;
  throw refused(response.status, await response.json().catch(() => null));
}
