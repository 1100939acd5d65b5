// The HTTP side of the service, with the browser's cookie, on another origin than this page.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/http";

export type SessionView = components["schemas"]["SessionView"];
export type Device = components["schemas"]["DeviceView"];

/** What a request gave, or in a sentence why it gave nothing. */
export type Answer<T> = { ok: true; data: T } | { ok: false; why: string };

export const API_URL = (import.meta.env.VITE_API_URL ?? "http://localhost:3000").replace(/\/+$/, "");

const client = createClient<paths>({ baseUrl: API_URL, credentials: "include" });

export const viewSession = () => alone(() => answered(client.GET("/session")));
export const incr = () => answered(client.POST("/incr"));
export const rotate = () => answered(client.POST("/session/rotate"));
export const logout = () => answered(client.POST("/logout"));
export const viewUser = () => answered(client.GET("/user"));
export const signIn = (name: string) => answered(client.POST("/sign-in", { body: { name } }));
export const listDevices = () => answered(client.GET("/devices"));
export const endDevice = (key: string) =>
  answered(client.DELETE("/devices/{key}", { params: { path: { key } } }));
export const endOthers = () => answered(client.DELETE("/devices"));

type Result<T> = { data?: T; error?: unknown; response: Response };

async function answered<T>(request: Promise<Result<T>>): Promise<Answer<T>> {
  try {
    const { data, error, response } = await request;
    if (response.ok) return { ok: true, data: data as T };
    return { ok: false, why: detailOf(error) ?? `The answer was ${response.status}.` };
  } catch {
    return { ok: false, why: "The service cannot be reached." };
  }
}

/** What a problem document says of this time; an answer of another kind says nothing. */
function detailOf(error: unknown): string | null {
  const detail = (error as { detail?: unknown } | null | undefined)?.detail;
  return typeof detail === "string" ? detail : null;
}

/**
 * Run one request of this kind at a time, over all tabs. Tabs whose cookie has expired would each be
 * given a session of their own; one after another, all but the first come with the new cookie.
 * (Browsers have locks on https and on localhost.)
 */
async function alone<T>(request: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request("mooring", request) : request();
}
