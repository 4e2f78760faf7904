/* A PKCS#11 library in front of another one, for what that one cannot be made to do.
 * SHIM_IN_FRONT_OF: the real library.
 * SHIM_FLAGS: final | locks | locked: what the token says of its PIN ("locks": a wrong PIN locks it).
 * SHIM_POINT: octets | raw | none: how CKA_EC_POINT is encoded.
 * SHIM_SIGN: other: the message is changed before it is signed. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST list;
static CK_FUNCTION_LIST *real;

static int says(const char *name, const char *value) {
    const char *found = getenv(name);
    return found && strcmp(found, value) == 0;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
    CK_RV rv = real->C_GetTokenInfo(slot, info);
    if (says("SHIM_FLAGS", "final")) info->flags |= CKF_USER_PIN_FINAL_TRY;
    if (says("SHIM_FLAGS", "locked")) info->flags |= CKF_USER_PIN_LOCKED;
    return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG length) {
    CK_RV rv = real->C_Login(session, user, pin, length);
    return rv == CKR_PIN_INCORRECT && says("SHIM_FLAGS", "locks") ? CKR_PIN_LOCKED : rv;
}

static CK_RV attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *wanted, CK_ULONG count) {
    /* SoftHSM wants room for the two bytes that "raw" takes away. */
    CK_BYTE whole[34];
    if (count == 1 && wanted->type == CKA_EC_POINT && wanted->pValue && wanted->ulValueLen == 32 && says("SHIM_POINT", "raw")) {
        CK_ATTRIBUTE point = {CKA_EC_POINT, whole, sizeof whole};
        CK_RV rv = real->C_GetAttributeValue(session, object, &point, 1);
        memcpy(wanted->pValue, whole + 2, 32);
        return rv;
    }
    CK_RV rv = real->C_GetAttributeValue(session, object, wanted, count);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_ATTRIBUTE *one = &wanted[i];
        if (one->type != CKA_EC_POINT || one->ulValueLen != 34) continue;
        if (says("SHIM_POINT", "none")) {
            one->ulValueLen = CK_UNAVAILABLE_INFORMATION;
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
        } else if (says("SHIM_POINT", "raw")) {
            if (one->pValue) memmove(one->pValue, (char *)one->pValue + 2, 32);
            one->ulValueLen = 32;
        }
    }
    return rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG length, CK_BYTE *signature, CK_ULONG *signed_length) {
    if (says("SHIM_SIGN", "other") && length > 0) length -= 1;
    return real->C_Sign(session, data, length, signature, signed_length);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out) {
    void *library = dlopen(getenv("SHIM_IN_FRONT_OF"), RTLD_NOW | RTLD_LOCAL);
    CK_RV (*get)(CK_FUNCTION_LIST **) = library ? dlsym(library, "C_GetFunctionList") : NULL;
    if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    list = *real;
    list.C_GetTokenInfo = token_info;
    list.C_Login = login;
    list.C_GetAttributeValue = attributes;
    list.C_Sign = sign;
    *out = &list;
    return CKR_OK;
}
