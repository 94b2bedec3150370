"""
What is known of the Aidge gateway, as constants, each with its source and its doubt.

Nothing is decided here, and nothing that is true only of us comes in: a default of this library belongs to
`config.py`. Nobody has checked these facts against the live gateway. The marks say how sure each is:

* [spec] the vendor's "Virtual Model Alternation Submit API Reference" (read in November 2026)
* [doc] another page of the vendor's documentation
* [ex] the vendor's public example code
* [sib] seen on sibling gateways of the same family
* [inf] inferred
"""

from typing import Final

# Address and signature [ex][doc].
HOSTS: Final = {"global": "https://api.aidc-ai.com", "china": "https://cn-api.aidc-ai.com"}
PATH_PREFIX: Final = "/rest"
PARTNER_ID: Final = "aidge"
SIGN_METHOD: Final = "sha256"
SIGN_VERSION: Final = "v2"
TRIAL_HEADER: Final = "x-iop-trial"

# Siblings accept a clock that is at most this far off [sib]; the gateway's own tolerance is not documented.
TIMESTAMP_TOLERANCE_MS: Final = 7_200_000

# Virtual Model Alternation [spec].
MODEL_ALTERNATION_SUBMIT_PATH: Final = "/ai/virtual/model/generation/batch"
MODEL_ALTERNATION_QUERY_PATH: Final = "/ai/virtual/model/generation/query"
IMAGE_STYLES: Final = ("realPhoto",)
DOCUMENTED_MODELS: Final = ("universal_model_1", "universal_model_2", "universal_model_3", "universal_model_4")
FLAT_MODELS: Final = ("WHITE", "BLACK", "YELLOW", "BROWN")  # [ex]
GENDERS: Final = ("MALE", "FEMALE")
AGES: Final = ("OLD_AGE", "MIDDLE_AGE", "YOUTH")
BACKGROUNDS: Final = ("studio", "room", "European_street", "beach")
COUNT_LEAST: Final = 1
COUNT_MOST: Final = 4
COUNT_DEFAULT: Final = 2
DIMENSION_LEAST_PX: Final = 512
DIMENSION_MOST_PX: Final = 2048
DIMENSION_DEFAULT_PX: Final = 768

# Images [spec]. Whether MB means 10^6 or 2^20 bytes, whether the pixel edges belong to the range, and which side is
# meant is not stated: what is outside in every reading is refused, what is outside in one is sent with a warning.
IMAGE_FORMATS: Final = ("JPEG", "PNG", "BMP", "WEBP")
IMAGE_MOST_BYTES_STRICT: Final = 4_000_000
IMAGE_MOST_BYTES_LENIENT: Final = 4 * 1024 * 1024
IMAGE_ABOVE_PX: Final = 512
IMAGE_BELOW_PX: Final = 3000

# Status words, compared without case: the query page [doc], and newer material. An unknown word means "running" [inf].
RUNNING_WORDS: Final = frozenset({"submitted", "running", "queued", "in_progress"})
SUCCEEDED_WORDS: Final = frozenset({"finished", "completed"})
FAILED_WORDS: Final = frozenset({"failed"})

# Business codes (`resCode`) [spec].
OK: Final = "200"
SYSTEM_ERROR: Final = "500"
RATE_LIMIT: Final = "501"
INVALID_INPUT: Final = "700"
MODEL_FAILED: Final = "801"
SENSITIVE_CONTENT: Final = "1000"
CONTENT_CONTROL_FAILED: Final = "1001"
RISK_FILTER_FAILED: Final = "1002"
# Sister APIs: image not fetched, resolution, format, size, not the kind of photo [doc].
SISTER_INVALID_INPUT: Final = frozenset({"701", "703", "704", "705", "707"})

# Gateway codes (`code`). "0" or absent means that the gateway let the call pass [sib].
PASSED: Final = "0"
CREDENTIAL_CODES: Final = frozenset(
    {"IncompleteSignature", "InvalidAppKey", "IllegalAccessToken", "MissingPartner", "AppWhiteIpLimit"}
)
ACCOUNT_CODES: Final = frozenset({"UserStatusInvalid", "ServiceNotOpened", "ServiceStatusInvalid"})
MALFORMED_CALL_CODES: Final = frozenset({"InvalidApi", "MissingParameter"})
QUOTA_CODES: Final = frozenset({"NoResource", "FreeQuotaExhausted"})
CLOCK_CODES: Final = frozenset({"IllegalTimestamp"})
CALL_LIMIT_CODES: Final = frozenset({"ApiCallLimit", "AppCallLimit"})
APP_CALL_LIMIT_WAIT: Final = 60.0  # seconds, where AppCallLimit names none [doc]
AMBIGUOUS_CODES: Final = frozenset({"ServiceTimeout", "15", "998", "SystemError", "DownstreamUnavailable"})

# HTTP statuses that, without a readable answer in JSON, say that the call was not processed [inf]; 3xx went elsewhere.
UNPROCESSED_STATUS_CODES: Final = frozenset({*range(300, 400), 400, 401, 403, 404, 413, 415, 422})
TOO_MANY_REQUESTS: Final = 429  # RFC 6585 4

# The default of other asynchronous generation APIs of the vendor, a second, account and API [doc]; none is published
# for this one.
SUBMITS_PER_SECOND: Final = 2.0
SUPPORT_ADDRESS: Final = "aidge_support@service.alibaba.com"
