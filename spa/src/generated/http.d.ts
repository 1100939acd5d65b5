// Made by `npm run generate`; what is written by hand here is lost.

export interface paths {
    "/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the session
         * @description Return the session's count and times; opens a session if the visitor has none.
         */
        get: operations["view_session"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/incr": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Count one more
         * @description Increment the session's count, publish `current count` to all its sockets, return the new count.
         *
         *     Opens a session if the visitor has none. Each of many increments at once gets a number of its own. With an
         *     `Idempotency-Key` a request that is repeated counts once, and gets the first number again.
         */
        post: operations["incr"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End the session
         * @description End the session, disconnect all its sockets on every node, and clear the cookie.
         *
         *     Without a session, or with one that has ended already, the answer is the same.
         */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/session/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Renew the session id
         * @description Move the data to a new id and end the old one at once; its sockets reconnect with the new cookie.
         *
         *     To be done whenever a visitor's rights change, at a login above all: an id that somebody else
         *     knew before is worth nothing after it (OWASP: session fixation).
         */
        post: operations["rotate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign in by name
         * @description Sign in without a password, as it is an example: the session moves to a new id, its data stay.
         *
         *     Somebody else has to be signed out first, by `POST /logout`.
         */
        post: operations["sign_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/user": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show who is signed in
         * @description Return who is signed in; opens no session.
         */
        get: operations["view_user"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the devices
         * @description Return the live sessions of the user who is signed in, on all nodes.
         */
        get: operations["list_devices"];
        put?: never;
        post?: never;
        /**
         * Sign out all other devices
         * @description End all sessions of the user but the one of this request, on all nodes.
         */
        delete: operations["end_others"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/devices/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Sign out one device
         * @description End one session of the user, on all nodes; that of this request, too.
         */
        delete: operations["end_device"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Alive?
         * @description Answer as long as the process does; an outage of the store does not count. Opens no session.
         */
        get: operations["healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Ready?
         * @description Answer 200 if the store can be reached and the process is not shutting down. Opens no session.
         */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * DeviceView
         * @description A session of the user, as the list of devices shows it.
         */
        DeviceView: {
            /**
             * Key
             * @description Names the session; it is no secret.
             * @example 5e88…
             */
            key: string;
            /**
             * Label
             * @description What it calls the client.
             * @example Firefox on Linux
             */
            label: string | null;
            /**
             * Created At
             * Format: date-time
             * @description When the session was opened.
             * @example 2026-11-23T09:00:00Z
             */
            created_at: string;
            /**
             * Signed In At
             * Format: date-time
             * @description When the user signed in.
             * @example 2026-11-23T09:00:00Z
             */
            signed_in_at: string;
            /**
             * Last Seen At
             * Format: date-time
             * @description When it was used last.
             * @example 2026-11-23T09:00:00Z
             */
            last_seen_at: string;
            /**
             * Address
             * @description The client's address.
             * @example 203.0.113.7
             */
            address: string | null;
            /**
             * Sockets
             * @description Its connected sockets, on all nodes.
             * @example 1
             */
            sockets: number;
            /**
             * Current
             * @description Whether it is the session of this request.
             * @default false
             * @example true
             */
            current: boolean;
        };
        /**
         * Ended
         * @description How many sessions were ended.
         */
        Ended: {
            /**
             * Ended
             * @example 2
             */
            ended: number;
        };
        /** HTTPValidationError */
        HTTPValidationError: {
            /** Detail */
            detail?: components["schemas"]["ValidationError"][];
        };
        /**
         * SessionView
         * @description What a browser may know of its session.
         */
        SessionView: {
            /**
             * Count
             * @description How often this session was incremented.
             * @example 3
             */
            count: number;
            /**
             * Created At
             * Format: date-time
             * @description When the session was opened.
             * @example 2026-11-23T09:00:00Z
             */
            created_at: string;
            /**
             * Expires At
             * Format: date-time
             * @description When it ends unless something is done with it.
             * @example 2026-11-23T09:30:00Z
             */
            expires_at: string;
            /**
             * Sockets
             * @description Its connected sockets, on all nodes.
             * @example 1
             */
            sockets: number;
        };
        /**
         * SignIn
         * @description Who somebody says to be.
         */
        SignIn: {
            /**
             * Name
             * @description Any name; everybody is believed.
             * @example ann
             */
            name: string;
        };
        /**
         * Status
         * @description One word.
         */
        Status: {
            /**
             * Status
             * @description `alive` or `ready`.
             * @example ready
             */
            status: string;
        };
        /**
         * UserView
         * @description Who is signed in.
         */
        UserView: {
            /**
             * User
             * @description The name; null if nobody is.
             * @example ann
             */
            user: string | null;
        };
        /** ValidationError */
        ValidationError: {
            /** Location */
            loc: (string | number)[];
            /** Message */
            msg: string;
            /** Error Type */
            type: string;
            /** Input */
            input?: unknown;
            /** Context */
            ctx?: Record<string, never>;
        };
        /**
         * ProblemDocument
         * @description An error (RFC 9457). Some types have members of their own: `session-ended` has its `reason`.
         */
        ProblemDocument: {
            /**
             * Type
             * @description Stable name of the problem, for programs.
             * @example session-ended
             */
            type: string;
            /**
             * Title
             * @description The same for every problem of this type.
             * @example The session has ended
             */
            title: string;
            /**
             * Status
             * @description The HTTP status.
             * @example 409
             */
            status: number;
            /**
             * Detail
             * @description What happened this time, for people.
             */
            detail: string;
        } & {
            [key: string]: unknown;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    view_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session as it is now. */
            200: {
                headers: {
                    /** @description The session's cookie, if its id is new to the browser. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionView"];
                };
            };
            /** @description `session-ended`: the cookie names a session that was ended just now. The cookie stays as it is: another response may have set a newer one meanwhile. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "session-ended",
                     *       "title": "The session has ended",
                     *       "status": 409,
                     *       "detail": "The session of this request has ended (logout). A request without its cookie starts a new one.",
                     *       "reason": "logout"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `too-many-requests`: this address has opened too many sessions within a minute (CLIENT_RATE). */
            429: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "too-many-requests",
                     *       "title": "Too many new sessions and sockets",
                     *       "status": 429,
                     *       "detail": "This address has opened too many of them within a minute."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    incr: {
        parameters: {
            query?: never;
            header?: {
                /** @description 8 to 64 characters, another key for each thing that is to be done. A repeat with the same key and the same body, within ten minutes, is not done again, and gets the first response. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The new count, a bare number. */
            200: {
                headers: {
                    /** @description The session's cookie, if its id is new to the browser. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /** @example 4 */
                    "application/json": number;
                };
            };
            /** @description `invalid-idempotency-key`: or `idempotency-needs-session`: the Idempotency-Key is malformed, or the request has no session. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "invalid-idempotency-key",
                     *       "title": "The Idempotency-Key is malformed",
                     *       "status": 400,
                     *       "detail": "An Idempotency-Key is 8 to 64 printable characters of ASCII."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `foreign-origin`: the request carries the cookie, and comes from a page whose origin is not listed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "foreign-origin",
                     *       "title": "This origin is not allowed",
                     *       "status": 403,
                     *       "detail": "The request comes from an origin that neither CORS_ORIGINS nor the app's own CORS allows."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `session-ended`: the cookie names a session that was ended just now. The cookie stays as it is: another response may have set a newer one meanwhile. By its Idempotency-Key also `request-under-way` and `outcome-unknown`. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "session-ended",
                     *       "title": "The session has ended",
                     *       "status": 409,
                     *       "detail": "The session of this request has ended (logout). A request without its cookie starts a new one.",
                     *       "reason": "logout"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `body-too-large`: the body has more bytes than MAX_BODY_BYTES allows. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "body-too-large",
                     *       "title": "The request's body is too large",
                     *       "status": 413,
                     *       "detail": "The body has more bytes than MAX_BODY_BYTES allows, or MAX_PACKET_BYTES for a poll."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `idempotency-key-reused`: the Idempotency-Key was used for another request. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "idempotency-key-reused",
                     *       "title": "The key was used for another request",
                     *       "status": 422,
                     *       "detail": "This key was used before, for a request that was another one."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `too-many-requests`: this address has opened too many sessions within a minute (CLIENT_RATE). By its Idempotency-Key also `too-many-idempotency-keys`. */
            429: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "too-many-requests",
                     *       "title": "Too many new sessions and sockets",
                     *       "status": 429,
                     *       "detail": "This address has opened too many of them within a minute."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description There is no session any more. */
            204: {
                headers: {
                    /** @description Clears the session's cookie, whether there was one or not. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `foreign-origin`: the request carries the cookie, and comes from a page whose origin is not listed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "foreign-origin",
                     *       "title": "This origin is not allowed",
                     *       "status": 403,
                     *       "detail": "The request comes from an origin that neither CORS_ORIGINS nor the app's own CORS allows."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `body-too-large`: the body has more bytes than MAX_BODY_BYTES allows. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "body-too-large",
                     *       "title": "The request's body is too large",
                     *       "status": 413,
                     *       "detail": "The body has more bytes than MAX_BODY_BYTES allows, or MAX_PACKET_BYTES for a poll."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    rotate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session has a new id, and the cookie carries it. */
            204: {
                headers: {
                    /** @description The session's cookie, if its id is new to the browser. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `foreign-origin`: the request carries the cookie, and comes from a page whose origin is not listed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "foreign-origin",
                     *       "title": "This origin is not allowed",
                     *       "status": 403,
                     *       "detail": "The request comes from an origin that neither CORS_ORIGINS nor the app's own CORS allows."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `session-ended`: the cookie names a session that was ended just now. The cookie stays as it is: another response may have set a newer one meanwhile. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "session-ended",
                     *       "title": "The session has ended",
                     *       "status": 409,
                     *       "detail": "The session of this request has ended (logout). A request without its cookie starts a new one.",
                     *       "reason": "logout"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `body-too-large`: the body has more bytes than MAX_BODY_BYTES allows. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "body-too-large",
                     *       "title": "The request's body is too large",
                     *       "status": 413,
                     *       "detail": "The body has more bytes than MAX_BODY_BYTES allows, or MAX_PACKET_BYTES for a poll."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `too-many-requests`: this address has opened too many sessions within a minute (CLIENT_RATE). */
            429: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "too-many-requests",
                     *       "title": "Too many new sessions and sockets",
                     *       "status": 429,
                     *       "detail": "This address has opened too many of them within a minute."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            /** @description Who is signed in, under a new id. */
            200: {
                headers: {
                    /** @description The session's cookie, if its id is new to the browser. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserView"];
                };
            };
            /** @description `bad-request`: There was an error parsing the body */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "bad-request",
                     *       "title": "Bad Request",
                     *       "status": 400,
                     *       "detail": "There was an error parsing the body"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `foreign-origin`: the request carries the cookie, and comes from a page whose origin is not listed. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "foreign-origin",
                     *       "title": "This origin is not allowed",
                     *       "status": 403,
                     *       "detail": "The request comes from an origin that neither CORS_ORIGINS nor the app's own CORS allows."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `session-ended`: the cookie names a session that was ended just now. The cookie stays as it is: another response may have set a newer one meanwhile. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "session-ended",
                     *       "title": "The session has ended",
                     *       "status": 409,
                     *       "detail": "The session of this request has ended (logout). A request without its cookie starts a new one.",
                     *       "reason": "logout"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `body-too-large`: the body has more bytes than MAX_BODY_BYTES allows. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "body-too-large",
                     *       "title": "The request's body is too large",
                     *       "status": 413,
                     *       "detail": "The body has more bytes than MAX_BODY_BYTES allows, or MAX_PACKET_BYTES for a poll."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `invalid-request`: body: Field required */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "invalid-request",
                     *       "title": "The request is invalid",
                     *       "status": 422,
                     *       "detail": "body: Field required"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `too-many-requests`: this address has opened too many sessions within a minute (CLIENT_RATE). */
            429: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "too-many-requests",
                     *       "title": "Too many new sessions and sockets",
                     *       "status": 429,
                     *       "detail": "This address has opened too many of them within a minute."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    view_user: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who is signed in. */
            200: {
                headers: {
                    /** @description The session's cookie, if its id is new to the browser. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserView"];
                };
            };
            /** @description `session-ended`: the cookie names a session that was ended just now. The cookie stays as it is: another response may have set a newer one meanwhile. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "session-ended",
                     *       "title": "The session has ended",
                     *       "status": 409,
                     *       "detail": "The session of this request has ended (logout). A request without its cookie starts a new one.",
                     *       "reason": "logout"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `too-many-requests`: this address has opened too many sessions within a minute (CLIENT_RATE). */
            429: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "too-many-requests",
                     *       "title": "Too many new sessions and sockets",
                     *       "status": 429,
                     *       "detail": "This address has opened too many of them within a minute."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    list_devices: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user's live sessions, those that were used last first. */
            200: {
                headers: {
                    /** @description The session's cookie, if its id is new to the browser. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceView"][];
                };
            };
            /** @description `sign-in-required`: nobody is signed in. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "sign-in-required",
                     *       "title": "Sign-in required",
                     *       "status": 401,
                     *       "detail": "This needs a user who is signed in."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `session-ended`: the cookie names a session that was ended just now. The cookie stays as it is: another response may have set a newer one meanwhile. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "session-ended",
                     *       "title": "The session has ended",
                     *       "status": 409,
                     *       "detail": "The session of this request has ended (logout). A request without its cookie starts a new one.",
                     *       "reason": "logout"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `too-many-requests`: this address has opened too many sessions within a minute (CLIENT_RATE). */
            429: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "too-many-requests",
                     *       "title": "Too many new sessions and sockets",
                     *       "status": 429,
                     *       "detail": "This address has opened too many of them within a minute."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    end_others: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many sessions were ended. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ended"];
                };
            };
            /** @description `sign-in-required`: nobody is signed in. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "sign-in-required",
                     *       "title": "Sign-in required",
                     *       "status": 401,
                     *       "detail": "This needs a user who is signed in."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /**
             * @description `foreign-origin`: the request carries the cookie, and comes from a page whose origin is not listed.
             *
             *     `recent-sign-in-required`: the last sign-in is more than 10 minutes ago.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `body-too-large`: the body has more bytes than MAX_BODY_BYTES allows. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "body-too-large",
                     *       "title": "The request's body is too large",
                     *       "status": 413,
                     *       "detail": "The body has more bytes than MAX_BODY_BYTES allows, or MAX_PACKET_BYTES for a poll."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    end_device: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key of a device. */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its session has ended, and its sockets are disconnected. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `sign-in-required`: nobody is signed in. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "sign-in-required",
                     *       "title": "Sign-in required",
                     *       "status": 401,
                     *       "detail": "This needs a user who is signed in."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /**
             * @description `foreign-origin`: the request carries the cookie, and comes from a page whose origin is not listed.
             *
             *     `recent-sign-in-required`: the last sign-in is more than 10 minutes ago.
             */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `unknown-device`: the key is none of the user's. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "unknown-device",
                     *       "title": "This is no device of yours",
                     *       "status": 404,
                     *       "detail": "No live session of yours has this key."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description `body-too-large`: the body has more bytes than MAX_BODY_BYTES allows. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "body-too-large",
                     *       "title": "The request's body is too large",
                     *       "status": 413,
                     *       "detail": "The body has more bytes than MAX_BODY_BYTES allows, or MAX_PACKET_BYTES for a poll."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
            /** @description Validation Error */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HTTPValidationError"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
    healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process answers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "alive"
                     *     }
                     */
                    "application/json": components["schemas"]["Status"];
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Requests can be served. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ready"
                     *     }
                     */
                    "application/json": components["schemas"]["Status"];
                };
            };
            /** @description `store-unavailable`: the session store did not answer, or this process is about to stop. */
            503: {
                headers: {
                    /** @description Seconds after which it makes sense to try again. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "type": "store-unavailable",
                     *       "title": "Session store unavailable",
                     *       "status": 503,
                     *       "detail": "The session store did not answer. Nothing is lost; try again."
                     *     }
                     */
                    "application/problem+json": components["schemas"]["ProblemDocument"];
                };
            };
        };
    };
}
