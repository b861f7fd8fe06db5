// @ts-check
/** The messages of docs/protocol.md, as types. `protocol.js` checks at run time that a message is one of them. */

export {}; // types alone, and a module all the same

/** @typedef {'original' | 'blur' | 'colour' | 'transparent' | 'picture'} Background */
/** @typedef {'whole' | 'bust' | 'face'} FrameKind */
/** @typedef {'fast' | 'balanced' | 'best'} SpeedKind */
/** @typedef {'edges' | 'body' | 'closeups' | 'pixels'} GivenUp */
/** @typedef {'waiting' | 'calibrating' | 'live' | 'lost' | 'stalled' | 'paused'} Phase */

/**
 * @typedef {object} Controls
 * @property {number} head strength of the head motion, 0..2
 * @property {number} face strength of the expression, 0..2
 * @property {number} body strength of the body motion, 0..2
 * @property {number} eyes strength of lids and gaze, a factor of `face`, 0..2
 * @property {number} brows the same of the brows
 * @property {number} mouth of lips and jaw
 * @property {number} hands of palms and fingers, a factor of `body`
 * @property {number} voice how much of the mouth the microphone moves while the face is seen, 0..1
 * @property {boolean} tracker whether the tracker of another program drives in place of the camera
 * @property {boolean} follow_body whether body and hands are looked at
 * @property {number} smoothing of the motion, 0 none .. 2 calm
 * @property {number} yaw degrees by which the head turns in addition, to the driver's own right, −45..45
 * @property {number} pitch up, −30..30
 * @property {number} roll tilted to the driver's own right, −30..30
 * @property {number} gaze_x degrees by which the eyes turn in addition, to the driver's own right, −30..30
 * @property {number} gaze_y up, −30..30
 * @property {number} light strength of the driver's light, 0..2
 * @property {number} shoulders factor of the picture's shoulder width, 0.5..1.5
 * @property {number} torso the same of the torso's length
 * @property {number} arms of the arms
 * @property {number} legs of the legs
 * @property {boolean} teeth whether the driver's teeth and tongue are copied into the picture
 * @property {boolean} mirror
 * @property {Background} background
 * @property {string} colour #rrggbb
 * @property {FrameKind} frame what is shown of the picture
 * @property {string} aspect `picture`, `1:1`, `16:9`, `9:16` or WIDTHxHEIGHT in pixels
 * @property {number} zoom size of the character in the frame, 0.5..4
 * @property {number} shift_x where the character is moved, −1 left .. 1 right
 * @property {number} shift_y −1 up .. 1 down
 * @property {boolean} keep_in_frame whether the head stays in the frame whatever the driver does
 * @property {string} who of several people before the camera is followed: `largest`, `left`, `right` or a number from the left
 * @property {SpeedKind} speed what a busy computer keeps longest: frames, both, or the picture
 * @property {boolean} paused
 */

/** @typedef {{width: number, height: number, fps: number}} VideoSize */
/** @typedef {[number, number, number, number]} HeadBox left, top, width and height in fractions of the picture */
/** @typedef {{candidate: string | null, sdpMid?: string | null, sdpMLineIndex?: number | null, usernameFragment?: string}} Candidate */
/** @typedef {{p50: number, p95: number, p99: number}} Percentiles milliseconds */
/** @typedef {{min: number, max: number}} Range over the live sessions */

/**
 * @typedef {{type: 'hello', protocol: number, watch?: true, resume?: string}} Hello
 * @typedef {{type: 'offer', sdp: string}} Offer
 * @typedef {{type: 'candidate'} & Candidate} CandidateMessage
 * @typedef {{type: 'control', calibrate?: true, straighten?: true} & Partial<Controls>} Control
 * @typedef {{weights: Record<string, number>, turn: [number, number, number]}} Face a face that the server measured: blendshapes, 0..1, and the head's turn
 * @typedef {{type: 'act', name: string, on?: boolean} & Partial<Face>} Act
 * @typedef {{type: 'remember'}} Remember
 * @typedef {{type: 'person', person: string}} Person
 * @typedef {{type: 'mood', text: string}} MoodText at most 200 characters of English words; empty: no mood
 * @typedef {{type: 'bye'}} Bye
 * @typedef {Hello | Offer | CandidateMessage | Control | Act | Remember | Person | MoodText | Bye} ClientMessage
 */

/**
 * @typedef {object} Ready
 * @property {'ready'} type
 * @property {number} protocol
 * @property {string} session
 * @property {RTCIceServer[]} ice_servers
 * @property {VideoSize} video
 * @property {{name: string, notes: string[], views: string[], people: number, person: string, heads: HeadBox[], chosen: number | null}} picture
 * @property {Controls} controls
 * @property {Mood} mood how the character is, and how the words for it were read
 * @property {boolean} resumed whether this is the session before, with its picture, controls and neutral
 */

/** @typedef {{type: 'answer', sdp: string}} Answer */
/** @typedef {{type: 'state', phase: Phase, progress: number, message: string | null, people: number, speaks: boolean, recorded: boolean}} State people: how many the camera shows; speaks: whether a voice is heard; recorded: whether the server writes avatar and sound to a file */

/**
 * @typedef {object} PictureStatus
 * @property {'picture-status'} type
 * @property {'preparing' | 'ready' | 'failed' | 'framing' | 'framed'} stage the last two of a changed frame
 * @property {string} name
 * @property {number | null} width
 * @property {number | null} height
 * @property {string[]} notes
 * @property {string | null} message
 * @property {string[]} views names of the further pictures of the character
 * @property {string | null} code of a failure: `no-face` where points help
 * @property {number} people how many the picture shows
 * @property {string} person who of them is animated: `largest`, `left`, `right`, `all` or a number from the left
 * @property {HeadBox[]} heads of all of them, from left to right
 * @property {number | null} chosen number of who is animated, 0 the leftmost; null: all, or nothing is ready
 * @property {boolean} by_program whether another program than this page chose it
 */

/** kind: `elsewhere` where another session is driven. @typedef {{kind: 'off' | 'silent' | 'elsewhere' | 'drives', program: string, per_second: number}} Tracker what is received of trackers of other programs */
/**
 * @typedef {object} Stats
 * @property {'stats'} type
 * @property {{in: number, out: number}} fps
 * @property {Percentiles} latency_ms
 * @property {Percentiles} queue_age_ms
 * @property {Record<string, Percentiles>} stage_ms
 * @property {Record<string, number>} drops
 * @property {number} bitrate_kbps
 * @property {number} sessions
 * @property {{fps: Range, latency_ms: Range}} spread
 * @property {{kind: string, name: string}} device what draws
 * @property {Record<string, number>} memory_mb by kind of memory
 * @property {GivenUp[]} given_up what is done less well, so that a busy computer keeps up
 * @property {Tracker | null} tracker of other programs; null: the server receives none
 */

/**
 * @typedef {object} FilmStatus
 * @property {'film'} type
 * @property {'sending' | 'preparing' | 'tracking' | 'drawing' | 'finishing' | 'ready' | 'failed'} stage
 * @property {string} name of the clip
 * @property {'mp4' | 'webm'} suffix of the film
 * @property {number} done of its frames, 0..1
 * @property {number | null} seconds_left estimated; null where nothing is known yet
 * @property {number | null} size bytes of a film that is ready
 * @property {string[]} notes sentences about it
 * @property {string | null} message why it failed
 */

/** @typedef {{type: 'controls', controls: Partial<Controls>}} ControlsChanged set by the server itself, or by another program */
/** @typedef {{type: 'face'} & Face} FaceMeasured the answer to `remember` */
/**
 * @typedef {object} Mood
 * @property {string} text
 * @property {{phrase: string, read: string}[]} understood each phrase, and what it was read as in the words of docs/words.md
 * @property {{word: string, nearest: string[]}[]} unknown each word that was not understood, and similar ones that are
 */
/** @typedef {{type: 'mood'} & Mood} MoodRead the answer to `mood` */
/** @typedef {{type: 'acts', on: string[]}} ActsChanged names of the faces that other programs hold */
/** @typedef {{type: 'error', code: string, message: string, fatal: boolean}} ServerError */
/** @typedef {{type: 'bye', reason: string}} ServerBye */
/** @typedef {Ready | Answer | CandidateMessage | State | PictureStatus | FilmStatus | ControlsChanged | FaceMeasured | MoodRead | ActsChanged | Stats | ServerError | ServerBye} ServerMessage */
